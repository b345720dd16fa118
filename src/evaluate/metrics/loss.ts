/** Mean cross-entropy of the expected answers' tokens. */
import { threeDigits } from '../../numbers.ts';
import type { Likelihood, LikelihoodMetric } from './metric.ts';

export const loss = {
  name: 'loss',
  heading: 'loss',
  help: 'mean cross-entropy of the expected tokens, in nats, over the whole part',
  entry: {
    title: 'Loss',
    what: 'How surprised the model is by the right tokens, on average, in nats. 0 is certainty; 0.7 is like a coin toss for every token.',
    more: 'More surprise.',
    less: 'Less, on these rows; only held-out rows say whether that is worth anything.',
    source: 'Goodfellow, Bengio, Courville, Deep Learning, 2016, section 6.2',
    also: 'cross-entropy nats training loss',
  },
  better: 'lower',
  format: threeDigits,
  of: 'likelihood',
  aggregate: (likelihood: Likelihood) => ({ value: likelihood.loss }),
} as const satisfies LikelihoodMetric;
