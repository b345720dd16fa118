/** What the names of files of rows say. */

/** Whether a file holds rows for a test, by its name. */
export const isTestFile = (name: string): boolean =>
  /(?:^|[^a-z])(?:test|eval|valid|validation|heldout|held.out|dev)(?:[^a-z]|$)/i.test(name);

const MOST_NAMED = 6;

/** The first of some names, and how many more there are. */
export const listed = (names: readonly string[]): string =>
  names.slice(0, MOST_NAMED).join(', ') +
  (names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '');
