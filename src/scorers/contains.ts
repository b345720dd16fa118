/** Whether the reference stands somewhere in the answer, whatever its case. White space at the ends of both does not count. */
import { exactMatch } from './exact-match.ts';
import type { TextScorer } from './scorer.ts';

const { usual: _, ...ofExactMatch } = exactMatch;

export const contains = {
  ...ofExactMatch,
  name: 'contains',
  label: 'Contains the reference',
  heading: 'contains',
  help: '1 if the reference stands anywhere in the answer, ignoring case and white space at the ends, as includes of inspect_ai. An empty reference has no score.',
  entry: {
    title: 'Contains the reference',
    what: 'The reference stands somewhere in the answer, in upper or lower case. Other words around it do not count, so a long answer that lists everything is right as well.',
    start: 'For short references in answers that are whole sentences. Look at the length as well.',
    source: 'Inspect, scorer includes, UK AI Security Institute, 2024',
    also: 'includes substring within match partial',
  },
  applies: (expected: string) => expected.trim() !== '',
  // Upper case folds more than lower case does, as Python's casefold: ß is SS, and both forms of sigma are one.
  normalise: (text: string) => text.trim().toUpperCase(),
  score: (answer: string, expected: string) => (answer.includes(expected) ? 1 : 0),
} as const satisfies TextScorer;
