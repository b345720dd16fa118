/** An example as a line of JSONL has it, and the check of one that a person wrote. */
import { GraftError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { ExampleContent, PairSide, TrainableMessage } from '../text/trainable.ts';
import { completionFormat } from './formats/completion.ts';
import { messagesFormat } from './formats/messages.ts';
import { pairFormat } from './formats/pair.ts';
import { promptFormat } from './formats/prompt.ts';
import { queryFormat } from './formats/query.ts';
import { answerTextOf, BadRow, textOf, type RowFormat } from './formats/row.ts';
import { unpairedFormat } from './formats/unpaired.ts';

const turnsOf = (messages: readonly TrainableMessage[]): JsonObject[] =>
  messages.map(({ supervised, ...message }) => ({ ...message, ...(supervised === false && { weight: 0 }) }));

/** The fields of a row in the format that is read without a mapping. */
export function rawContentOf(content: ExampleContent): JsonObject {
  switch (content.kind) {
    case 'completion': {
      const { prompt, completion, separator, untrained } = content;
      return { prompt, completion, ...(separator && { separator }), ...(untrained && { untrained }) };
    }
    case 'messages':
      return { messages: turnsOf(content.messages), ...(content.tools && { tools: content.tools }) };
    case 'prompt':
      return typeof content.prompt === 'string'
        ? { prompt: content.prompt }
        : { messages: turnsOf(content.prompt) };
    case 'text':
      return { text: content.text };
    case 'tokens':
      return { ids: content.ids, labels: content.labels };
    case 'query':
      return { query: content.query, positive: content.positive, negative: content.negatives };
    case 'unpaired':
      return { ...judgedOf(content.answer), label: content.desirable };
    case 'pair':
      return pairOf(content.chosen, content.rejected);
  }
}

/** How rows are written: as they are, or each as a conversation, or each as a prompt and its completion. */
export type RowForm = 'own' | 'messages' | 'completion';

/** The fields of a row in a form. Rows that have no such form are written as they are. */
export function rawContentAs(content: ExampleContent, form: RowForm): JsonObject {
  if (form === 'messages' && content.kind === 'completion') {
    const { prompt, completion, untrained } = content;
    return {
      messages: [
        { role: 'user', content: prompt },
        { role: 'assistant', content: completion, ...(untrained && { untrained }) },
      ],
    };
  }
  if (form === 'completion' && content.kind === 'messages' && isSplittable(content.messages))
    return judgedOf(content);
  return rawContentOf(content);
}

/** Whether everything that is learned comes after everything that is not: a completion is learned as a whole. */
function isSplittable(messages: readonly TrainableMessage[]): boolean {
  const first = messages.findIndex(({ role, supervised }) => role === 'assistant' && supervised !== false);
  return first > 0 && messages.slice(first).every(({ supervised }) => supervised !== false);
}

/** Turns before the answers are the prompt, so that the two are put together again as they were. */
function judgedOf(answer: PairSide): JsonObject {
  if (answer.kind !== 'messages') return rawContentOf(answer);
  const { messages, tools } = answer;
  const first = messages.findIndex(({ role, supervised }) => role === 'assistant' && supervised !== false);
  return {
    prompt: turnsOf(messages.slice(0, first)),
    completion: turnsOf(messages.slice(first)),
    ...(tools && { tools }),
  };
}

function pairOf(chosen: PairSide, rejected: PairSide): JsonObject {
  if (chosen.kind === 'completion' && rejected.kind === 'completion')
    return { prompt: chosen.prompt, chosen: chosen.completion, rejected: rejected.completion };
  const sideOf = (side: PairSide): unknown =>
    side.kind === 'messages' ? turnsOf(side.messages) : rawContentOf(side);
  const tools = chosen.kind === 'messages' ? chosen.tools : undefined;
  return { chosen: sideOf(chosen), rejected: sideOf(rejected), ...(tools && { tools }) };
}

const FORMATS: Partial<Record<ExampleContent['kind'], RowFormat>> = {
  completion: completionFormat,
  messages: messagesFormat,
  pair: pairFormat,
  query: queryFormat,
  unpaired: unpairedFormat,
};

/** Whether a person can change the texts of an example: it has some, and is no part of a longer text. */
export function isWritable(content: ExampleContent): boolean {
  switch (content.kind) {
    case 'tokens':
      return false;
    case 'text':
      return content.document !== true;
    case 'pair':
      return content.chosen.kind !== 'tokens';
    case 'unpaired':
      return content.answer.kind !== 'tokens';
    default:
      return true;
  }
}

/** A fault of a row in the words of the form in which a person writes it, and not in those of a file. */
const inForm = (fault: string): string =>
  fault
    .replace(/^completion\b/, 'the answer')
    .replace(/^messages\[(\d+)\](?:\.content)?/, (_, at: string) => `turn ${Number(at) + 1}`)
    .replace(/^messages\b/, 'the conversation');

/**
 * Checks an example that a person wrote, as a row of a file is checked.
 *
 * @throws GraftError `edit-row` for what a row of its kind cannot be
 */
export function checkContent(content: ExampleContent): void {
  try {
    if (!isWritable(content)) throw new BadRow('rows of ready tokens and parts of a text cannot be edited');
    const raw = rawContentOf(content);
    if (content.kind === 'completion' && content.separator !== undefined)
      textOf(content.separator, 'separator');
    if (content.kind === 'text') answerTextOf(raw.text, 'text');
    else if (content.kind === 'prompt' && typeof content.prompt === 'string') promptFormat.read(raw);
    else {
      const read = (FORMATS[content.kind] ?? messagesFormat).read(raw);
      if (read.kind !== content.kind) throw new BadRow('the row has no answer to learn from', 'no-answer');
    }
  } catch (error) {
    if (!(error instanceof BadRow)) throw error;
    throw new GraftError(
      'edit-row',
      `The row cannot be kept like this: ${inForm(error.message)}.`,
      'Change that, or delete the row.',
      { cause: error },
    );
  }
}
