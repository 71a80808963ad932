/**
 * Syncs that may be left out, one at a time, without any crash telling: what else holds the promise they also hold.
 * A test fails when another one turns up, and when one of these starts to matter.
 */
export const EXPLAINED: ReadonlyMap<string, string> = new Map([
  [
    'initialiseJournal (genesis.ts): syncDirectory data',
    'the keys are named in the same directory afterwards, and that is synced before the first segment has a name',
  ],
  [
    'createDurable (durable.ts) < createFirstSegment (genesis.ts): syncDirectory journal',
    'the name it makes durable is given up at once: after the rename the directory is synced again',
  ],
  [
    '#recover (journal.ts): sync <segment>',
    'without a mark of this boot nobody has written in it: what is read comes from the platter. It counts where the ' +
      'lock file itself was lost, which no crash does',
  ],
  [
    'cutSegment (cut.ts): syncDirectory journal',
    'the segment was emptied durably before: if its name comes back, it is a segment that is begun and empty. The next ' +
      'commit begins it anew and syncs the directory',
  ],
  [
    'fillReserve (reserve.ts): sync reserve',
    'it holds space, not bytes: its size is looked at before each sale. That a file system may not have set the space ' +
      'aside before the sync, this disk does not model',
  ],
  [
    'releaseReserve (reserve.ts): sync reserve',
    'it gives space back to the running system; if the old size comes back, there is a reserve again',
  ],
  [
    'replaceDurable (durable.ts) < write (json-file.ts) < writeCheckpoint (checkpoint.ts): sync checkpoint.json.new',
    'a cache with its own MAC: half of it is none, and everything is read',
  ],
  [
    'replaceDurable (durable.ts) < write (json-file.ts) < writeCheckpoint (checkpoint.ts): syncDirectory journal',
    'a cache: the one before it still stands on a record that is there. Its tables may be gone: then it is not believed',
  ],
  [
    'replaceDurable (durable.ts) < writeTable (table.ts): sync <table>.new',
    'a cache whose pages each prove themselves: a broken one is made anew from the journal',
  ],
  [
    'replaceDurable (durable.ts) < writeTable (table.ts): syncDirectory index',
    'a cache: a checkpoint that names a table which is not there is not believed',
  ],
  [
    'commitRepair (swap.ts): syncDirectory journal',
    'putting it in place begins with a sync of the same directory, before anything moves',
  ],
  [
    'createDurable (durable.ts) < #build (care.ts): syncDirectory repair.new',
    'the manifest is created in the same directory afterwards, and that is synced before the repair counts',
  ],
  [
    'makeDamaged (swap.ts): syncDirectory journal',
    'what is put aside is half of a repair that never counted, without sealed data: everything in it is made anew ' +
      'from originals that have not moved. Before they do, the directory is synced',
  ],
  [
    'putAside (swap.ts): syncDirectory damaged',
    'the same: if it comes back under its old name it is put aside again',
  ],
  [
    'putAside (swap.ts): syncDirectory journal',
    'the same: the name it leaves is taken by the next repair, and both change names before the directory is synced',
  ],
]);
