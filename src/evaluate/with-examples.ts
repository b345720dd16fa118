/** The effect of a run on answers with and without examples in the prompt: learning from rewards can break either. */
import { percent, plural, threeDigits } from '../numbers.ts';

/** The same number of the base model and of the adapter: a mean reward, or a share of right answers. */
interface BeforeAfter {
  readonly base: number;
  readonly tuned: number;
}

export interface ByExamples {
  /** What the numbers are. */
  readonly of: 'reward' | 'right';
  /** With the question alone (zero-shot). */
  readonly alone: BeforeAfter;
  /** After examples (few-shot), and how many. */
  readonly shots: number;
  readonly behind: BeforeAfter;
}

/** A fall by less than this is not called one. */
const NOTICEABLE = 0.02;

const fell = ({ base, tuned }: BeforeAfter): boolean => tuned < base - NOTICEABLE;

/** In sentences, with what to do if one of the two broke. */
export function examplesInWords({ of, alone, shots, behind }: ByExamples): string {
  const what = of === 'reward' ? 'The mean reward' : 'The share of right answers';
  const from = ({ base, tuned }: BeforeAfter): string => `from ${shown(of, base)} to ${shown(of, tuned)}`;
  const examples = plural(shots, 'example');
  const numbers = `${what} went ${from(alone)} with only the question, and ${from(behind)} with ${examples} before it.`;
  const [first, second] = [fell(alone), fell(behind)];
  if (first && second) return `${numbers} Both got worse: this run is better not used.`;
  if (first)
    return `${numbers} With only the question it got worse: the adapter answers worse than the base model.`;
  if (second)
    return `${numbers} With examples it got worse: the run broke what examples did, so ask the adapter without any.`;
  return `${numbers} Neither got worse.`;
}

const shown = (of: ByExamples['of'], value: number): string =>
  of === 'reward' ? threeDigits(value) : percent(value);
