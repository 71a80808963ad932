/** Something that happens when a test lets it. */
export interface Gate {
  readonly opened: Promise<void>;
  isOpen(): boolean;
  open(): void;
}

export function gate(): Gate {
  let resolve = (): void => {};
  let isOpen = false;
  const opened = new Promise<void>((done) => {
    resolve = done;
  });
  return {
    opened,
    isOpen: () => isOpen,
    open: () => {
      isOpen = true;
      resolve();
    },
  };
}
