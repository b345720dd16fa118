/** Where people read: each area is counted by itself. */
export const AREAS = ['docs', 'long docs', 'page', 'help', 'messages'] as const;
export type Area = (typeof AREAS)[number];

/** A piece of text that a person reads at once: a paragraph, a label, a message. */
export interface Passage {
  readonly area: Area;
  /** File and line, for people. */
  readonly place: string;
  readonly text: string;
}

/** A value that only a run knows, in the text of a template. */
export const UNKNOWN = '…';
