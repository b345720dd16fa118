/** Mean cross-entropy of the expected answers' tokens. */
import { threeDigits } from '../numbers.ts';
import type { Likelihood, LikelihoodScorer, Need } from './scorer.ts';

export const loss = {
  name: 'loss',
  label: 'Loss',
  heading: 'loss',
  help: 'Mean cross-entropy of the tokens of the reference, in nats, over the measured rows or the whole part.',
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
  usual: true,
  settings: [],
  needs: (): readonly Need[] => ['likelihood'],
  aggregate: (likelihood: Likelihood) => ({ value: likelihood.loss }),
} as const satisfies LikelihoodScorer;
