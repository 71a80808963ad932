/**
 * The exit codes, in one place: help, docs, tests and code all read this table.
 * `severity` orders the conditions when several apply: the lowest number wins.
 */
export const EXIT_CODES = {
  ok: {code: 0, severity: 99, meaning: 'done; nothing pending; safe', script: 'goes on'},
  unexpected: {code: 1, severity: 11, meaning: 'unexpected failure (a bug)', script: 'stops'},
  usage: {code: 2, severity: 10, meaning: 'wrong usage', script: 'fixes the script'},
  pending: {code: 3, severity: 5, meaning: 'pending: money not settled', script: 'waits, does not wipe'},
  credentials: {code: 4, severity: 2, meaning: 'credentials, account or mode', script: 'pages a person'},
  temporary: {
    code: 5,
    severity: 6,
    meaning: 'temporary: offline, timeout, rate limit; retrying may help',
    script: 'retries later',
  },
  attention: {
    code: 6,
    severity: 3,
    meaning: 'attention: declined, quarantined or in doubt items',
    script: 'sends a technician',
  },
  refused: {
    code: 7,
    severity: 7,
    meaning: 'refused by a rule or limit of ours',
    script: 'offers cash, another kiosk',
  },
  card: {code: 8, severity: 8, meaning: 'card declined or unusable', script: 'asks for another card'},
  reader: {
    code: 9,
    severity: 4,
    meaning: 'reader missing, unpaired, needs update, tampered, not encrypting',
    script: 'sends a technician',
  },
  journal: {
    code: 10,
    severity: 0,
    meaning: 'journal damaged, or a write is not durable',
    script: 'stops selling',
  },
  locked: {
    code: 11,
    severity: 9,
    meaning: 'locked by another process beyond the wait',
    script: 'retries shortly',
  },
  configuration: {code: 12, severity: 1, meaning: 'configuration invalid', script: 'fixes it'},
  interrupted: {
    code: 130,
    severity: 12,
    meaning: 'interrupted; the state is safe',
    script: 'runs it again with the same --reference',
  },
  terminated: {
    code: 143,
    severity: 12,
    meaning: 'terminated; the state is safe',
    script: 'runs it again with the same --reference',
  },
} as const;

export type Condition = keyof typeof EXIT_CODES;

/** The process exit code of a condition. */
export function exitCode(condition: Condition): number {
  return EXIT_CODES[condition].code;
}

/** The worst of several conditions, in this order of gravity: (10, 12, 4, 6, 9, 3, 5, 7, 8, 11, 2, 1); `ok` when there are none. */
export function worstCondition(conditions: Iterable<Condition>): Condition {
  let worst: Condition = 'ok';
  for (const condition of conditions) {
    if (EXIT_CODES[condition].severity < EXIT_CODES[worst].severity) worst = condition;
  }
  return worst;
}
