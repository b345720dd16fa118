/**
 * Rows as prompts for sampling: the text before a row's last answer is the prompt, and that answer is the wanted one. A row that is only a prompt has
 * no reference answer.
 */
import { GraftError } from '../../errors.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';

/** A row's prompt, as people and rewards read it. */
interface Asked {
  readonly prompt: string;
  /** The reference answer; missing for a row that is only a prompt. */
  readonly answer?: string;
  /** The row's other columns. */
  readonly columns?: Readonly<Record<string, unknown>>;
}

/** A row, with its texts if known: they may differ from the decoded tokens. */
export interface PromptRow extends LabelledTokens {
  readonly asked?: Asked;
}

/** The prompt of the model. */
export interface Prompt extends Asked {
  readonly ids: readonly number[];
  readonly columns: NonNullable<Asked['columns']>;
}

/** Tokens of a prompt at least: in a text the first one is always given. */
export const MIN_PROMPT = 2;

/** Tokens before the last answer of a row. */
export function promptLength({ labels, asks }: Pick<LabelledTokens, 'labels' | 'asks'>): number {
  if (asks) return labels.length;
  let at = labels.length - 1;
  while (at >= 0 && labels[at] < 0) at--;
  while (at > 0 && labels[at - 1] >= 0) at--;
  return Math.max(0, at);
}

type Texts = Pick<Tokenizer, 'decode' | 'streamDecoder'>;

/** @param what names the row @throws GraftError `train-objective` for a row without a prompt */
export function sampledPrompt(row: PromptRow, tokenizer: Texts, what: string): Prompt {
  const length = promptLength(row);
  const all = Array.from(row.ids);
  const ids = all.slice(0, length);
  if (ids.length < MIN_PROMPT)
    throw new GraftError(
      'train-objective',
      `${what} is a text without a prompt, and answers are sampled to prompts.`,
      'Give rows with a prompt and the answer that is wanted.',
    );
  const texts: Asked = row.asked ?? {
    prompt: tokenizer.decode(ids, { skipSpecialTokens: true }),
    ...(!row.asks && { answer: textAfter(tokenizer, ids, all.slice(length)) }),
  };
  return { ...texts, ids, columns: texts.columns ?? {} };
}

/** The text of an answer as it continues its prompt. */
export function textAfter(tokenizer: Texts, before: readonly number[], ids: readonly number[]): string {
  const stream = tokenizer.streamDecoder({ skipSpecialTokens: true, context: before });
  return ids.map((id) => stream.push(id)).join('') + stream.end();
}
