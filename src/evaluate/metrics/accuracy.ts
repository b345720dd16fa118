/** The share of right labels: as exactly right, for rows with one label each. */
import { exactMatch } from './exact-match.ts';
import type { AnswerMetric } from './metric.ts';

export const accuracy = {
  ...exactMatch,
  name: 'accuracy',
  heading: 'accuracy',
  help: 'share of right labels, white space at the ends aside, from 0 to 1',
  entry: {
    title: 'Accuracy',
    what: 'The share of rows with the right label, from 0 to 1. With many rows of one label it is high without any learning: read macro-F1 as well.',
    source: 'scikit-learn, accuracy_score',
    also: 'accuracy labels classification',
  },
  single: true,
} as const satisfies AnswerMetric;
