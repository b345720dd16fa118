/** Measures {@link Forgetting} on a device: the answers to general prompts, and how far the tuned model is from the base on the project's own prompts. */
import type { Adapter } from '../adapters/adapter.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { Generator } from '../model/generator.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { greedy } from '../model/sampling.ts';
import { IGNORED } from '../text/trainable.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { answer, promptOf, type GeneratedAnswer } from './answer.ts';
import type { AskedPrompt } from './forgetting.ts';
import { isRight, type GeneralPrompt } from './general-prompts.ts';
import { evaluateLoss } from './loss.ts';

/** Tokens of an answer: enough for a short story, so that the check takes about as long as a few steps. */
const ANSWER_TOKENS = 48;
/** How many are answered at once: their cache is small compared with any run. */
const AT_ONCE = 4;
/** Rows whose prompts the base answers, spread over all of them. */
const OWN_PROMPTS = 12;

/** The model that answers: the base, or the trained one. */
export interface AskedModel {
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer;
  readonly adapter?: Adapter | undefined;
  /** Called with the number of finished prompts or rows, group by group; throwing ends the work. */
  readonly onDone?: (what: 'answering' | 'evaluating', done: number, total: number) => void;
}

/** The base's own answers to prompts of the rows, and its loss on them. */
export interface BaseAnswers {
  readonly rows: readonly LabelledTokens[];
  /** In nats for each token. */
  readonly loss: number;
}

/**
 * The base answers prompts of the rows at temperature 1, by a fixed seed. KL(base ‖ tuned) is then the increase of the loss on these answers: the
 * mean of log p(base) − log p(tuned) over tokens that the base drew.
 *
 * @param base with its adapter off
 * @returns undefined if no row has a prompt, as in raw text
 */
export async function sampleBase(
  base: Pick<AskedModel, 'model' | 'tokenizer' | 'onDone'>,
  rows: readonly LabelledTokens[],
): Promise<BaseAnswers | undefined> {
  const prompts = promptsOfRows(rows, base.model.definition.shape.maxPositions - ANSWER_TOKENS);
  if (prompts.length === 0) return undefined;
  const sampling = { ...greedy, temperature: 1 };
  const answers = await answerAll(base, prompts, sampling);
  const [end] = base.tokenizer.eosIds;
  const answered = answers.map(({ promptIds, newIds, reason }) => {
    const given = reason === 'stop' && end !== undefined ? [...newIds, end] : newIds;
    return { ids: [...promptIds, ...given], labels: [...promptIds.map(() => IGNORED), ...given] };
  });
  const used = answered.filter(({ labels }) => labels.some((label) => label !== IGNORED));
  if (used.length === 0) return undefined;
  const { loss } = await evaluateLoss(base.model, used);
  return { rows: used, loss };
}

/** KL(base ‖ tuned), in nats for each token. */
export async function driftFrom(
  { rows, loss }: BaseAnswers,
  { model, adapter, onDone }: AskedModel,
): Promise<number> {
  const report = (done: number): void => onDone?.('evaluating', done, rows.length);
  return (await evaluateLoss(model, rows, adapter, report)).loss - loss;
}

/** Answers the general prompts greedily. @returns the answers in order */
export async function answerGeneral(asked: AskedModel, prompts: readonly GeneralPrompt[]): Promise<string[]> {
  const ids = prompts.map(({ prompt }) => promptOf(asked.tokenizer, prompt));
  return (await answerAll(asked, ids, greedy)).map(({ text }) => text);
}

/** The prompts with the answers before and, if they are known, after. */
export function marked(
  prompts: readonly GeneralPrompt[],
  before: readonly string[],
  after?: readonly string[],
): readonly AskedPrompt[] {
  return prompts.map((one, at) => ({
    prompt: one.prompt,
    before: before[at],
    rightBefore: isRight(one, before[at]),
    ...(after && { after: after[at], rightAfter: isRight(one, after[at]) }),
  }));
}

async function answerAll(
  { model, tokenizer, adapter, onDone }: AskedModel,
  prompts: readonly (readonly number[])[],
  sampling: typeof greedy,
): Promise<GeneratedAnswer[]> {
  const { maxPositions } = model.definition.shape;
  const longest = Math.max(...prompts.map(({ length }) => length));
  const generator = new Generator(model, AT_ONCE, Math.min(maxPositions, longest + ANSWER_TOKENS));
  const answers: GeneratedAnswer[] = [];
  try {
    for (let first = 0; first < prompts.length; first += AT_ONCE) {
      onDone?.('answering', first, prompts.length);
      answers.push(
        ...(await answer(generator, tokenizer, prompts.slice(first, first + AT_ONCE), {
          ...{ maxNewTokens: ANSWER_TOKENS, sampling, seed: first },
          ...(adapter && { adapter }),
        })),
      );
    }
    onDone?.('answering', prompts.length, prompts.length);
  } finally {
    if (!model.device.failure) {
      await model.device.settle();
      generator.destroy();
    }
  }
  return answers;
}

/** The text before the first supervised token, of rows spread over all of them. */
function promptsOfRows(rows: readonly LabelledTokens[], max: number): number[][] {
  const prompts = rows.flatMap(({ ids, labels }) => {
    const first = Array.from(labels).findIndex((label) => label !== IGNORED);
    return first > 1 && first <= max ? [Array.from(ids).slice(0, first)] : [];
  });
  const step = Math.max(1, prompts.length / OWN_PROMPTS);
  return Array.from(
    { length: Math.min(OWN_PROMPTS, prompts.length) },
    (_, at) => prompts[Math.floor(at * step)],
  );
}
