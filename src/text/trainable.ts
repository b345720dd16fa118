/** The content of one training row. data/ reads files into these; loss-mask.ts makes token rows of them. */
import type { JsonObject } from '../json.ts';
import type { CharSpan } from './untrained.ts';

/** A call of a tool, as chat templates read it: `arguments` are an object. */
export interface ToolCall {
  readonly type: 'function';
  readonly id?: string;
  readonly function: { readonly name: string; readonly arguments: JsonObject };
}

/** A message under the names of OpenAI's chat format, which chat templates read. */
export interface TrainableMessage {
  /** `tool` answers a call. */
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  /** Empty if an assistant's message only calls tools. */
  readonly content: string;
  /** The calls of an assistant's message. */
  readonly tool_calls?: readonly ToolCall[];
  /** Of a tool's message: the tool, and the call that it answers. */
  readonly name?: string;
  readonly tool_call_id?: string;
  /** false: an assistant's turn that is context only. Default: every assistant's turn is learnt from. */
  readonly supervised?: boolean;
  /** Parts of an assistant's content that are context only. */
  readonly untrained?: readonly CharSpan[];
}

export type ExampleContent =
  | {
      readonly kind: 'messages';
      readonly messages: readonly TrainableMessage[];
      /** Definitions of the tools that the assistant may call, as OpenAI's. The template writes them. */
      readonly tools?: readonly JsonObject[];
    }
  | {
      readonly kind: 'completion';
      readonly prompt: string;
      readonly completion: string;
      /** The text between the two if there is no chat template; belongs to the prompt. Default ''. */
      readonly separator?: string;
      /** Parts of the completion that are context only. */
      readonly untrained?: readonly CharSpan[];
    }
  | {
      readonly kind: 'text';
      readonly text: string;
      /** A whole document: split into rows instead of being cut off at the limit. */
      readonly document?: boolean;
    }
  | { readonly kind: 'tokens'; readonly ids: readonly number[]; readonly labels: readonly number[] }
  | {
      readonly kind: 'prompt';
      /** A text, or turns of which the last is not an assistant's: no answer is known, and answers are sampled to it. */
      readonly prompt: string | readonly TrainableMessage[];
    }
  | Pair
  | Unpaired
  | Query;

/** Two answers to one prompt, of which the first is preferred. Both sides are of one kind, and start alike. */
export interface Pair {
  readonly kind: 'pair';
  readonly chosen: PairSide;
  readonly rejected: PairSide;
}

/** One answer that is desirable or not. */
export interface Unpaired {
  readonly kind: 'unpaired';
  readonly answer: PairSide;
  readonly desirable: boolean;
}

/** What is searched for, the text that answers it, and texts that do not: for an encoder. */
export interface Query {
  readonly kind: 'query';
  readonly query: string;
  readonly positive: string;
  /** Hard negatives; they may be none. */
  readonly negatives: readonly string[];
}

/** One answer of a pair, or a judged one, with its prompt: the tokens that supervised learning would learn from are compared here. */
export type PairSide = Extract<
  Exclude<ExampleContent, Pair | Unpaired>,
  { readonly kind: 'completion' | 'messages' | 'tokens' }
>;

/** Hugging Face's value of a label that is not supervised; position t predicts labels[t + 1]. */
export const IGNORED = -100;

/** A task of a mixture: data sets that are trained together. */
export interface Task {
  readonly name: string;
  /** How often its rows are drawn; the shares of all tasks are 1 together. */
  readonly share: number;
}

export interface TokenRow {
  readonly ids: readonly number[];
  /** As long as ids; each the id at its place, or {@link IGNORED}. The first is always ignored: nothing predicts it. */
  readonly labels: readonly number[];
  /** Where the sequences after the first start, in a row of several: both answers of a pair. Their first labels are ignored, too. */
  readonly starts?: readonly number[];
  /** Whether the answer is wanted; if rows are judged so. */
  readonly desirable?: boolean;
  /** Whether it is a prompt without an answer: all of it is asked, and nothing of it has a label. */
  readonly asks?: true;
  /** Whether its sequences are a query, the text that answers it, and others that do not. Nothing of it has a label. */
  readonly texts?: true;
  /** The task that it belongs to, in a mixture. */
  readonly task?: Task;
}

/** Places [start, end) of a row's sequences. */
export function sequencesOf({ ids, starts = [] }: TokenRow): (readonly [number, number])[] {
  const ends = [...starts, ids.length];
  return ends.map((end, at) => [at === 0 ? 0 : ends[at - 1], end] as const);
}

/** Tokens of the longest sequence of a row. */
export function longestSequence(row: TokenRow): number {
  if (!row.starts) return row.ids.length;
  return sequencesOf(row).reduce((max, [start, end]) => Math.max(max, end - start), 0);
}

/** The example for objectives with one answer: the chosen one of a pair, and a judged one without its label. */
export function singleOf<One extends ExampleContent>(example: One): Exclude<One, Pair | Unpaired> | PairSide {
  const single =
    example.kind === 'pair' ? example.chosen : example.kind === 'unpaired' ? example.answer : example;
  return single as Exclude<One, Pair | Unpaired> | PairSide;
}

/** How many tokens of a row are learnt from. */
export function supervisedCount({ labels }: TokenRow): number {
  let count = 0;
  for (let t = 1; t < labels.length; t++) if (labels[t] !== IGNORED) count++;
  return count;
}

/** What a message says as one text, with its calls as JSON, a line each: for people, and to compare rows. */
export function saidBy({
  content,
  tool_calls: calls = [],
}: Pick<TrainableMessage, 'content' | 'tool_calls'>): string {
  if (calls.length === 0) return content;
  const written = calls.map((call) => JSON.stringify(call.function));
  return (content.trim() === '' ? written : [content, ...written]).join('\n');
}
