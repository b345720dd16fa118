/** How the next token is chosen, for every command that writes text. */
import { GraftError } from '../errors.ts';
import { checkSampling, greedy, type Sampling } from '../model/sampling.ts';
import type { Flags, FlagSpecs } from './flags.ts';

const DEFAULT_NEW_TOKENS = 128;
const DEFAULT_SEED = 42;

export const samplingFlags = {
  'max-new-tokens': { value: 'N', help: `tokens of an answer at most (default: ${DEFAULT_NEW_TOKENS})` },
  temperature: { value: 'X', help: '0 is greedy (default: 0)' },
  'top-k': { value: 'N', help: 'only the N most likely tokens (default: 0, all)' },
  'top-p': { value: 'X', help: 'only the most likely tokens that add up to X (default: 1)' },
  'min-p': { value: 'X', help: 'only tokens at least X times as likely as the best (default: 0)' },
  'repetition-penalty': {
    value: 'X',
    help: 'above 1, tokens that are there already become less likely (default: 1)',
  },
  stop: { value: 'TEXT', help: 'a text that ends the answer' },
  seed: { value: 'N', help: `seed of the random choices (default: ${DEFAULT_SEED})` },
} as const satisfies FlagSpecs;

export const singleFlag = {
  help: 'ask each question by itself, without the turns before it: for adapters trained on single turns',
} as const;

interface AnswerSettings {
  readonly maxNewTokens: number;
  readonly sampling: Sampling;
  readonly seed: number;
  readonly stopStrings: readonly string[];
}

/** @throws GraftError `arguments`, `sampling` */
export function readSampling(flags: Flags<typeof samplingFlags>): AnswerSettings {
  const sampling: Sampling = {
    temperature: flags.number('temperature') ?? greedy.temperature,
    topK: flags.integer('top-k') ?? greedy.topK,
    topP: flags.number('top-p') ?? greedy.topP,
    minP: flags.number('min-p') ?? greedy.minP,
    repetitionPenalty: flags.number('repetition-penalty') ?? greedy.repetitionPenalty,
  };
  checkSampling(sampling);
  const stop = flags.text('stop');
  if (stop === '') throw new GraftError('arguments', '--stop is empty.', 'Give a text, or leave it out.');
  return {
    maxNewTokens: flags.integer('max-new-tokens') ?? DEFAULT_NEW_TOKENS,
    sampling,
    seed: flags.integer('seed') ?? DEFAULT_SEED,
    stopStrings: stop === undefined ? [] : [stop],
  };
}
