/** The part of a completion that is compared: all of it, or the content of a tag. */
import type { ScorerSetting } from '../scorer.ts';

const LONGEST_TAG = 40;

export const WITHIN = {
  name: 'within',
  part: 'run',
  type: 'text',
  longest: LONGEST_TAG,
  placeholder: 'TAG',
  label: 'Only within the tag',
  help: 'Compare only what stands between <TAG> and </TAG>; everything if left empty.',
  default: '',
} as const satisfies ScorerSetting;

/** A valid name of a tag. */
export const isTag = (name: string): boolean => /^[A-Za-z][\w-]*$/.test(name);

/** @returns the end of a sentence */
export function withinProblem(within: unknown): string | undefined {
  return within === '' || isTag(String(within))
    ? undefined
    : 'its tag is not a name: write it without < and >, such as answer';
}

/** What a completion has to write for its content to be compared. */
export const tagNeeded = (tag: unknown): readonly string[] => (tag === '' ? [] : [`<${String(tag)}>`]);

/** The content of the last such tag; undefined if there is no closed one. */
export function within(completion: string, tag: string): string | undefined {
  if (tag === '') return completion;
  const [open, close] = [`<${tag}>`, `</${tag}>`];
  const end = completion.lastIndexOf(close);
  const start = end < 0 ? -1 : completion.lastIndexOf(open, end - 1);
  return start < 0 ? undefined : completion.slice(start + open.length, end);
}
