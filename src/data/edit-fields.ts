/** The texts of an example as fields of a form, and the example with some of them changed. */
import type { ExampleContent, PairSide, TrainableMessage } from '../text/trainable.ts';

export type Role = TrainableMessage['role'];

/** One text of an example. */
export interface TextField {
  /** Names it within the example: `prompt`, `turn 2`, `chosen`. */
  readonly id: string;
  readonly name: string;
  readonly text: string;
  /** Whether it is an answer that is learned from, or compared. */
  readonly answers: boolean;
  /** Of a turn of a conversation. */
  readonly role?: Role;
  /** Whether an assistant's turn is learned from. */
  readonly learned?: boolean;
}

/** A change of one field. */
export type Written = string | { readonly role: Role; readonly text: string; readonly learned?: boolean };

type Change = (field: TextField) => Written;

const textOf = (written: Written): string => (typeof written === 'string' ? written : written.text);

function turnWith(change: Change, message: TrainableMessage, id: string, name: string): TrainableMessage {
  const { role, content, supervised } = message;
  const isAnswer = role === 'assistant' && supervised !== false;
  const written = change({
    ...{ id, name, text: content, answers: isAnswer, role },
    ...(role === 'assistant' && { learned: isAnswer }),
  });
  // Untrained parts are places in the text as it was.
  const { untrained, ...unmarked } = message;
  if (typeof written === 'string') return written === content ? message : { ...unmarked, content: written };
  // Calls, and what a tool's answer belongs to, stay with a turn that keeps its role.
  const { supervised: _, ...whole } = unmarked;
  const marks = untrained && written.text === content ? { untrained } : {};
  const own = written.role === role ? { ...whole, ...marks } : {};
  const now = { ...own, role: written.role, content: written.text };
  return written.role === 'assistant' && written.learned === false ? { ...now, supervised: false } : now;
}

function turnsWith(
  change: Change,
  messages: readonly TrainableMessage[],
  from = 0,
  side = '',
): TrainableMessage[] {
  return messages.map((message, at) => {
    const number = from + at + 1;
    const name = side === '' ? `Turn ${number}` : `Turn ${number} of the ${side} answer`;
    return turnWith(change, message, `${side}turn ${number}`, name);
  });
}

/** How many turns two conversations start with in common. */
function common(one: readonly TrainableMessage[], other: readonly TrainableMessage[]): number {
  let turns = 0;
  while (
    turns < Math.min(one.length, other.length) &&
    JSON.stringify(one[turns]) === JSON.stringify(other[turns])
  )
    turns++;
  return turns;
}

function sidesWith(change: Change, chosen: PairSide, rejected: PairSide): [PairSide, PairSide] {
  const write = (id: string, name: string, text: string, answers: boolean): string =>
    textOf(change({ id, name, text, answers }));
  if (chosen.kind === 'completion' && rejected.kind === 'completion') {
    const prompt = write('prompt', 'Prompt', chosen.prompt, false);
    return [
      { ...chosen, prompt, completion: write('chosen', 'Chosen answer', chosen.completion, true) },
      { ...rejected, prompt, completion: write('rejected', 'Rejected answer', rejected.completion, true) },
    ];
  }
  if (chosen.kind !== 'messages' || rejected.kind !== 'messages') return [chosen, rejected];
  const shared = common(chosen.messages, rejected.messages);
  const before = turnsWith(change, chosen.messages.slice(0, shared));
  const rest = ({ messages }: typeof chosen, name: string): TrainableMessage[] => [
    ...before,
    ...turnsWith(change, messages.slice(shared), shared, name),
  ];
  return [
    { ...chosen, messages: rest(chosen, 'chosen') },
    { ...rejected, messages: rest(rejected, 'rejected') },
  ];
}

/** The example with each of its texts as `change` says. */
export function withTexts(content: ExampleContent, change: Change): ExampleContent {
  const write = (id: string, name: string, text: string, answers: boolean): string =>
    textOf(change({ id, name, text, answers }));
  switch (content.kind) {
    case 'completion': {
      const { untrained, ...unmarked } = content;
      const prompt = write('prompt', 'Prompt', content.prompt, false);
      const completion = write('answer', 'Answer', content.completion, true);
      const stays = untrained && completion === content.completion;
      return { ...unmarked, prompt, completion, ...(stays && { untrained }) };
    }
    case 'messages':
      return { ...content, messages: turnsWith(change, content.messages) };
    case 'text':
      return { ...content, text: write('text', 'Text', content.text, true) };
    case 'prompt':
      return {
        ...content,
        prompt:
          typeof content.prompt === 'string'
            ? write('prompt', 'Prompt', content.prompt, false)
            : turnsWith(change, content.prompt),
      };
    case 'query':
      return {
        ...content,
        query: write('query', 'Query', content.query, false),
        positive: write('positive', 'Text that answers it', content.positive, true),
        negatives: content.negatives.map((text, at) =>
          write(`negative ${at + 1}`, `Text ${at + 1} that does not`, text, true),
        ),
      };
    case 'unpaired':
      return { ...content, answer: withTexts(content.answer, change) as PairSide };
    case 'pair': {
      const [chosen, rejected] = sidesWith(change, content.chosen, content.rejected);
      return { ...content, chosen, rejected };
    }
    case 'tokens':
      return content;
  }
}

/** The texts of an example, in their order. */
export function fieldsOf(content: ExampleContent): TextField[] {
  const fields: TextField[] = [];
  withTexts(content, (field) => {
    fields.push(field);
    return field.text;
  });
  return fields;
}

/** The example with one field changed. */
export const withField = (content: ExampleContent, id: string, written: Written): ExampleContent =>
  withTexts(content, (field) => (field.id === id ? written : field.text));

/** Whether turns can be added to an example or taken from it. */
export const hasTurns = ({ kind }: ExampleContent): boolean => kind === 'messages';

/** A conversation with other turns; any other example as it is. */
function withTurns(
  content: ExampleContent,
  change: (messages: readonly TrainableMessage[]) => readonly TrainableMessage[],
): ExampleContent {
  return content.kind === 'messages' ? { ...content, messages: change(content.messages) } : content;
}

/** A conversation with another turn at its end: of the person if the assistant spoke last, else of the assistant. */
export const withTurn = (content: ExampleContent): ExampleContent =>
  withTurns(content, (messages) => [
    ...messages,
    { role: messages.at(-1)?.role === 'assistant' ? 'user' : 'assistant', content: '' },
  ]);

/** A conversation without one of its turns. */
export const withoutTurn = (content: ExampleContent, id: string): ExampleContent =>
  withTurns(content, (messages) => messages.filter((_, at) => `turn ${at + 1}` !== id));

/** An empty example like another one, with its system message. */
export function emptyLike(content: ExampleContent): ExampleContent {
  if (content.kind === 'messages')
    return {
      ...content,
      messages: [
        ...content.messages.filter(({ role }) => role === 'system').slice(0, 1),
        { role: 'user', content: '' },
        { role: 'assistant', content: '' },
      ],
    };
  return withTexts(content, (field) => (field.role === 'system' ? field.text : ''));
}
