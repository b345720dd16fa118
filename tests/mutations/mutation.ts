/** One fault that is put into a copy of the sources, and the tests that must notice it. */
export interface Mutation {
  /** Names it on the command line and in docs/reliability.md. */
  readonly id: string;
  /** Below the root. */
  readonly file: string;
  /** Occurs once in the file: short, so that it stays true while the file changes. */
  readonly find: string;
  readonly replace: string;
  /** What is wrong then, in a few words. */
  readonly breaks: string;
  /** Files of tests, of which one must fail; those that are fast first. */
  readonly tests: readonly string[];
  /** Why no test can notice it: it is then not tried. */
  readonly equivalent?: string;
}
