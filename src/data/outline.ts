/** What can be said about an example's row without its tokens. */
import type { ExampleContent, PairSide, TrainableMessage } from '../text/trainable.ts';

/** The most tokens of a text, wherever it stands in a longer one. */
export type SizeOf = (text: string) => number;

export interface Outline {
  /** The roles of its messages, or its kind, or both; undefined if only its tokens show whether it becomes a row. */
  readonly form: string | undefined;
  /** The most tokens of all its texts. */
  readonly most: number;
  /** The most tokens before the first text that is learned from. */
  readonly mostBefore: number;
}

/** The forms of examples without messages. */
export const [COMPLETION_FORM, TEXT_FORM] = ['completion', 'text'];
/** Before the roles of a prompt without an answer; the whole form of one without roles. */
export const PROMPT_FORM = 'prompt';
/** The role of an assistant's message that is not learned from. */
export const CONTEXT = 'context';
/** Before the form of answers that are compared: pairs and judged answers. */
export const COMPARED = 'compared';
const NOTHING: Outline = { form: undefined, most: 0, mostBefore: 0 };
/** Longer conversations have no form: there would be too many. */
const MAX_MESSAGES = 16;

/** The most tokens of a text: its bytes of UTF-8, if it is ASCII, and if it may be anything. */
export const [BYTES_OF_ASCII, MOST_BYTES] = [1, 3].map(
  (widest) =>
    ({ length }: string): number =>
      widest * length,
);

/** @param sizeOf the most tokens of a text, wherever it stands in a longer one */
export function outlineOf(example: ExampleContent, sizeOf: SizeOf): Outline {
  switch (example.kind) {
    case 'completion': {
      const { prompt, completion, separator = '', untrained } = example;
      // Nothing of it may be left to learn from.
      if (untrained) return NOTHING;
      const mostBefore = sizeOf(prompt) + sizeOf(separator);
      return { form: COMPLETION_FORM, most: mostBefore + sizeOf(completion), mostBefore };
    }
    case 'text':
      return { form: example.document ? undefined : TEXT_FORM, most: sizeOf(example.text), mostBefore: 0 };
    case 'messages': {
      if (example.tools || !example.messages.every(isPlain)) return NOTHING;
      let max = 0;
      let mostBefore: number | undefined;
      const roles = example.messages.map(({ role, content, supervised }) => {
        const isContext = role === 'assistant' && supervised === false;
        if (role === 'assistant' && !isContext) mostBefore ??= max;
        max += sizeOf(content);
        return isContext ? CONTEXT : role;
      });
      const isFew = roles.length <= MAX_MESSAGES && mostBefore !== undefined;
      return { form: isFew ? roles.join(' ') : undefined, most: max, mostBefore: mostBefore ?? max };
    }
    case 'prompt':
      return outlineOfPrompt(example.prompt, sizeOf);
    case 'pair':
      return outlineOfPair(example.chosen, example.rejected, sizeOf);
    case 'unpaired':
      return outlineOfJudged(example.answer, sizeOf);
    default:
      return NOTHING;
  }
}

/** How a template writes tools, and whether parts leave something to learn from, only the made row shows. */
const isPlain = (message: TrainableMessage): boolean =>
  message.role !== 'tool' && !message.tool_calls && !message.untrained;

/** Nothing of it is learned from, so nothing has to be left by the limit. */
function outlineOfPrompt(prompt: string | readonly TrainableMessage[], sizeOf: SizeOf): Outline {
  if (typeof prompt === 'string') return { form: PROMPT_FORM, most: sizeOf(prompt), mostBefore: 0 };
  if (!prompt.every(isPlain) || prompt.length > MAX_MESSAGES) return NOTHING;
  const most = prompt.reduce((sum, { content }) => sum + sizeOf(content), 0);
  return { form: [PROMPT_FORM, ...prompt.map(({ role }) => role)].join(' '), most, mostBefore: 0 };
}

/** Forms of answers that are compared, by those of the same answers to learn: a new text for each of a million rows would take a second. */
const comparedForms = new Map<string, string>();

function comparedForm(form: string): string {
  const known = comparedForms.get(form) ?? `${COMPARED} ${form}`;
  // Conversations of many roles could make endlessly many.
  if (comparedForms.size < MAX_MESSAGES) comparedForms.set(form, known);
  return known;
}

/** A judged answer, or one of a pair. */
function outlineOfJudged(side: PairSide, sizeOf: SizeOf): Outline {
  const own = outlineOf(side, sizeOf);
  // Only the tokens of a blank answer show whether something is left to compare.
  if (own.form === undefined || answerIn(side).trim() === '') return NOTHING;
  return { form: comparedForm(own.form), most: own.most, mostBefore: own.mostBefore };
}

/** What both answers start with counts as before them: a pair is compared from where they differ. */
function outlineOfPair(chosen: PairSide, rejected: PairSide, sizeOf: SizeOf): Outline {
  const [one, other] = [outlineOfJudged(chosen, sizeOf), outlineOfJudged(rejected, sizeOf)];
  const texts = [answerIn(chosen), answerIn(rejected)] as const;
  const trimmed = [texts[0].trim(), texts[1].trim()] as const;
  if (one.form !== other.form || trimmed[0] === trimmed[1]) return NOTHING;
  // A template may trim them.
  const alike = Math.max(...[texts, trimmed].map(([a, b]) => sizeOf(a.slice(0, commonLength(a, b)))));
  return {
    form: one.form,
    most: Math.max(one.most, other.most),
    mostBefore: Math.max(one.mostBefore, other.mostBefore) + alike,
  };
}

/** The first text that is learned from. */
function answerIn(side: PairSide): string {
  if (side.kind === 'completion') return side.completion;
  const isAnswer = ({ role, supervised }: TrainableMessage): boolean =>
    role === 'assistant' && supervised !== false;
  return (side.kind === 'messages' && side.messages.find(isAnswer)?.content) || '';
}

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < Math.min(one.length, other.length) && one[length] === other[length]) length++;
  return length;
}
