/** A small fixed set of general prompts, answered before and after tuning, each with a rule that marks the answer. */
import { GraftError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { generalTextOf } from './general.ts';

/** A prompt, and when an answer to it counts as right. */
export interface GeneralPrompt {
  readonly prompt: string;
  /** The answer names one of these, whatever the case. */
  readonly says?: readonly string[];
  /** The answer is a text of at least this many words, and not a promise of one. */
  readonly words?: number;
}

/** The file of `public/texts` with the prompts that suit a model. */
export const promptsFileOf = (model: { readonly vocabulary: number }): string =>
  generalTextOf(model).replace(/\.txt$/, '.prompts.json');

/** @throws GraftError `data-rows` if it is not a list of prompts with rules */
export function readPrompts(json: JsonObject | undefined): readonly GeneralPrompt[] {
  const prompts: unknown = json?.['prompts'];
  const isPrompt = (one: unknown): one is GeneralPrompt =>
    isObject(one) &&
    typeof one['prompt'] === 'string' &&
    (typeof one['words'] === 'number' || Array.isArray(one['says']));
  if (Array.isArray(prompts) && prompts.length > 0 && prompts.every(isPrompt)) return prompts;
  throw new GraftError(
    'data-rows',
    'The general prompts cannot be read.',
    'Write each as {"prompt": "…", "says": ["…"]} or {"prompt": "…", "words": 20}.',
  );
}

/** Whether an answer is right by the prompt's rule. */
export function isRight({ says, words }: GeneralPrompt, answer: string): boolean {
  const text = answer.toLowerCase();
  if (says && !says.some((one) => text.includes(one.toLowerCase()))) return false;
  return words === undefined || (wordsOf(answer) >= words && !isPutOff(answer));
}

const PROMISE = /\b(?:i|we)(?:['’]ll| will| shall)\b|\blet me\b/i;
const LATER =
  /\b(?:morning|afternoon|evening|noon|lunch|tonight|tomorrow|later|soon|next (?:week|time|month)|(?:mon|tues|wednes|thurs|fri|satur|sun)day|when i (?:can|have time))\b/i;
/** A promise in more words counts as a text. */
const LONGEST_PROMISE = 30;

/** Whether an answer only promises to do it later: “Sure, I shall work on that in the morning.” */
export function isPutOff(answer: string): boolean {
  return PROMISE.test(answer) && LATER.test(answer) && wordsOf(answer) <= LONGEST_PROMISE;
}

const wordsOf = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length;
