/** What the names of files of rows say. */

/** Whether a file holds rows for a test, by its name. */
export const isTestFile = (name: string): boolean =>
  /(?:^|[^a-z])(?:test|eval|valid|validation|heldout|held.out|dev)(?:[^a-z]|$)/i.test(name);

const MAX_NAMED = 6;

/** The first of some names, and how many more there are. */
export const listed = (names: readonly string[]): string =>
  names.slice(0, MAX_NAMED).join(', ') +
  (names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '');
