/** The share of the reference's tokens that the model would have chosen, each after the right tokens before it: TRL's mean_token_accuracy over all rows. */
import { threeDigits } from '../numbers.ts';
import type { Likelihood, LikelihoodScorer, Need } from './scorer.ts';

export const tokenAccuracy = {
  name: 'token-accuracy',
  label: 'Token accuracy',
  heading: 'token accuracy',
  help: 'The share of the tokens of the reference that are the likeliest to the model in their place, after the right tokens before them.',
  entry: {
    title: 'Token accuracy',
    what: 'How many tokens of the reference the model would have chosen, if all tokens before are right (teacher forcing). It is measured with the loss, without writing an answer.',
    more: 'More tokens right. A single wrong one can still spoil an answer.',
    start: 'To compare with the mean_token_accuracy that TRL reports. For answers, look at exactly right.',
    source: 'TRL, SFTTrainer, mean_token_accuracy',
    also: 'mean_token_accuracy next token argmax top-1 teacher forcing',
  },
  better: 'higher',
  range: [0, 1],
  format: threeDigits,
  of: 'likelihood',
  settings: [],
  needs: (): readonly Need[] => ['likelihood'],
  aggregate: ({ rightTokens, supervisedTokens }: Likelihood) =>
    rightTokens === undefined || supervisedTokens === undefined || supervisedTokens === 0
      ? undefined
      : { value: rightTokens / supervisedTokens },
} as const satisfies LikelihoodScorer;
