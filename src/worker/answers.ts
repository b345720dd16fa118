/** Greedy answers to drawn questions, several at once, and how many of them are right. */
import { GraftError } from '../errors.ts';
import { answer } from '../evaluate/answer.ts';
import { exactMatch } from '../evaluate/metrics/exact-match.ts';
import { answerScores } from '../evaluate/metrics/scores.ts';
import { Generator } from '../model/generator.ts';
import type { Adapter } from '../model/lora.ts';
import { greedy } from '../model/sampling.ts';
import type { Share } from './api.ts';
import type { Asked } from './draw.ts';
import type { OpenModel } from './model.ts';
import type { Question } from './questions.ts';

/** Prompts answered at once. */
const SEQUENCES = 8;

interface AnswerSettings {
  readonly by: Adapter | undefined;
  readonly newTokens: number;
  readonly signal: AbortSignal;
  /** Hears each answer once it is whole. @param at its question, as an index of those that are asked */
  readonly onAnswer?: (at: number, text: string) => void;
  /** How many of the questions are answered. A part of one: the tokens of the answers under way, of the most that they may have. */
  readonly onProgress: (done: number) => void;
}

/** Frees what it took on the GPU, stopped or not. @throws GraftError `worker-aborted` */
export async function answersOf(
  { model, tokenizer }: OpenModel,
  asked: readonly Asked[],
  { by, newTokens, signal, onAnswer, onProgress }: AnswerSettings,
): Promise<string[]> {
  if (asked.length === 0) return [];
  const longest = asked.reduce((length, { ids }) => Math.max(length, ids.length), 0);
  const generator = new Generator(model, SEQUENCES, longest + newTokens);
  const texts: string[] = [];
  try {
    onProgress(0);
    for (let start = 0; start < asked.length; start += SEQUENCES) {
      const prompts = asked.slice(start, start + SEQUENCES).map(({ ids }) => ids);
      const tokens = prompts.map(() => 0);
      let most = 0;
      const generated = await answer(generator, tokenizer, prompts, {
        maxNewTokens: newTokens,
        sampling: greedy,
        seed: 0,
        adapter: by,
        signal,
        onToken: (prompt) => {
          if (++tokens[prompt] <= most) return;
          most = tokens[prompt];
          if (most < newTokens) onProgress(start + (prompts.length * most) / newTokens);
        },
      });
      checkAborted(signal);
      for (const { text } of generated) {
        onAnswer?.(texts.length, text);
        texts.push(text);
      }
      onProgress(texts.length);
    }
    return texts;
  } finally {
    if (!model.device.failure) {
      await model.device.settle();
      generator.destroy();
    }
  }
}

/** @throws GraftError `worker-aborted` */
export function checkAborted(signal: AbortSignal): void {
  if (signal.aborted)
    throw new GraftError('worker-aborted', 'The evaluation was stopped.', 'Start it again when you like.');
}

/** How many answers are exactly right. @param texts of the same questions, in their order */
export function exactShare(questions: readonly Question[], texts: readonly string[]): Share {
  const expected = questions.map((question) => question.expected);
  const scores = answerScores(exactMatch, expected, texts).map((score) => score ?? 0);
  return exactMatch.aggregate(scores).share;
}
