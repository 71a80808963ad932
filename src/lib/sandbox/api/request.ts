/** One HTTP request, read whole, before anything is decided. */
export interface ApiRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: string;
  readonly body: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly request_id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What goes back: an answer, and how much of it the fault of the day lets through. */
export interface Delivery {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly cut: 'none' | 'drop' | 'truncate';
}

/** A JSON answer, whole. */
export function json(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Delivery {
  const text = `${JSON.stringify(body, null, 2)}\n`;
  return {status, headers: {'Content-Type': 'application/json', ...headers}, body: text, cut: 'none'};
}

/** Nothing but a closed connection. */
export function dropped(): Delivery {
  return {status: 0, headers: {}, body: '', cut: 'drop'};
}
