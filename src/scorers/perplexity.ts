/** The loss as a number of equally likely choices. */
import { threeDigits } from '../numbers.ts';
import type { Likelihood, LikelihoodScorer, Need } from './scorer.ts';

export const perplexity = {
  name: 'perplexity',
  label: 'Perplexity',
  heading: 'perplexity',
  help: 'e to the power of the loss: the number of equally likely tokens that would be as unsure.',
  entry: {
    title: 'Perplexity',
    what: 'The loss as a number of choices: a perplexity of 5 is as unsure as five equally likely tokens.',
    less: '1 is certainty.',
    source: 'Jelinek et al., Perplexity – a Measure of the Difficulty of Speech Recognition Tasks, 1977',
    also: 'ppl exp loss',
  },
  better: 'lower',
  format: threeDigits,
  of: 'likelihood',
  usual: true,
  settings: [],
  needs: (): readonly Need[] => ['likelihood'],
  aggregate: (likelihood: Likelihood) => ({ value: likelihood.perplexity }),
} as const satisfies LikelihoodScorer;
