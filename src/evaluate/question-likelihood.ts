/** How likely a language model finds a question after each of some passages: the scores of a second ranking (retrieval/rerank.ts). */
import type { Adapter } from '../adapters/adapter.ts';
import { GraftError } from '../errors.ts';
import { scoreChoices, type AskedChoices } from '../model/choice-scores.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { roomFor } from '../model/virtual-tokens.ts';
import { ASKS_FOR_QUESTION, BEFORE_QUESTION } from '../retrieval/rerank.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { promptOf } from './answer.ts';
import { ChoiceTokens } from './choices.ts';

/** A question and the texts that it is compared with. */
export interface ComparedQuestion {
  readonly question: string;
  readonly passages: readonly string[];
}

interface LikelihoodModel {
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer;
  readonly adapter?: Adapter | undefined;
}

/**
 * The mean log-probability of a token of each question after each of its passages, in nats. A passage that does not fit into the model with its
 * question loses its last words.
 *
 * @param onScored called with the number of finished passages; throwing ends the measurement
 * @returns for each question, by passage
 * @throws GraftError `rerank-question` for a question that does not fit without a passage, those of `promptOf` and `scoreChoices`, and what `onScored` throws
 */
export async function questionLikelihoods(
  { model, tokenizer, adapter }: LikelihoodModel,
  compared: readonly ComparedQuestion[],
  onScored: (done: number, total: number) => void = () => undefined,
): Promise<number[][]> {
  const tokens = new ChoiceTokens(tokenizer);
  const room = roomFor(model.definition.shape.maxPositions, adapter);
  const readings: Reading[] = [];
  const open = new Map<string, Reading>();
  const places = compared.map(({ question, passages }) => {
    const choices = { texts: [question.trim()], ends: false };
    return passages.map((passage) => {
      const after = (text: string): AskedChoices => {
        const prompt = promptOfPassage(tokenizer, text);
        return { prompt, choices: tokens.after(prompt, choices) };
      };
      const {
        prompt,
        choices: [ids],
      } = fitted(passage, after, room);
      const key = prompt.join();
      let reading = open.get(key);
      if (!reading || reading.tokens + ids.length > READ_TOGETHER) {
        reading = { prompt, choices: [], tokens: 0 };
        readings.push(reading);
        open.set(key, reading);
      }
      reading.tokens += ids.length;
      return { reading, choice: reading.choices.push(ids) - 1, tokens: ids.length };
    });
  });
  const total = places.reduce((sum, own) => sum + own.length, 0);
  let done = 0;
  onScored(done, total);
  const scores = await scoreChoices(model, readings, adapter, (_, { length }) =>
    onScored((done += length), total),
  );
  const scoresOf = new Map(readings.map((reading, at) => [reading, scores[at]]));
  return places.map((own) =>
    own.map(({ reading, choice, tokens: count }) => scoresOf.get(reading)![choice] / count),
  );
}

/** A passage that is read once for some questions. */
interface Reading {
  readonly prompt: readonly number[];
  /** Token ids of each question. */
  readonly choices: (readonly number[])[];
  /** Tokens of these questions together. */
  tokens: number;
}

/** Tokens of questions after one reading of a passage: a prompt with fewer is padded, so many would cost more than another reading. */
const READ_TOGETHER = 64;

const promptOfPassage = (tokenizer: Tokenizer, passage: string): number[] =>
  promptOf(
    tokenizer,
    tokenizer.chatTemplate === undefined ? passage : `${passage}\n\n${ASKS_FOR_QUESTION}`,
    BEFORE_QUESTION,
  );

const sizeOf = ({ prompt, choices }: AskedChoices): number => prompt.length + choices[0].length;

/** The prompt of a passage, or of as many of its first words as fit. @throws GraftError `rerank-question` */
function fitted(passage: string, after: (text: string) => AskedChoices, room: number): AskedChoices {
  const whole = after(passage);
  if (sizeOf(whole) <= room) return whole;
  const ends = [0, ...[...passage.matchAll(/\S+/gu)].map(({ 0: word, index }) => index + word.length)];
  let [low, high] = [0, ends.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sizeOf(after(passage.slice(0, ends[middle]))) <= room) low = middle;
    else high = middle;
  }
  const short = after(passage.slice(0, ends[low]));
  if (sizeOf(short) <= room) return short;
  throw new GraftError(
    'rerank-question',
    `The question has ${short.choices[0].length} tokens, and the model that ranks passages again holds ${room} with its prompt.`,
    'Ask a shorter question, or search without the second ranking.',
  );
}
