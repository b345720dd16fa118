/** The share of right labels: as exactly right, for rows with one label each. */
import { exactMatch } from './exact-match.ts';
import type { Need, TextScorer } from './scorer.ts';

const { usual: _, ...ofExactMatch } = exactMatch;

export const accuracy = {
  ...ofExactMatch,
  name: 'accuracy',
  label: 'Right label (accuracy)',
  heading: 'accuracy',
  help: '1 if the answer is the right label, ignoring white space at the ends. It counts as exact-match does, with one reference per row.',
  entry: {
    title: 'Accuracy',
    what: 'The share of rows with the right label, from 0 to 1. With many rows of one label it is high without any learning: read macro-F1 as well.',
    source: 'scikit-learn, accuracy_score',
    also: 'accuracy labels classification',
  },
  needs: (): readonly Need[] => ['label'],
} as const satisfies TextScorer;
