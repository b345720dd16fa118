/**
 * Which characters of a rendered conversation belong to an assistant: its text and the end-of-turn marker, not the white space after it.
 *
 * Found by rendering turn by turn: what is rendered up to a turn (with the header of the answer) and through it are prefixes of the whole,
 * and the turn lies between them. Some templates change earlier turns when later ones come (Qwen 3 drops their thoughts, Mistral writes the
 * system message into the last of the user's) or refuse half a conversation; there the whole is rendered with marks at the turn
 * (turn-marks.ts), and a note says so. If marks do not help either, the conversation is refused: a guess could teach the user's words.
 */
import { GraftError } from '../errors.ts';
import type { TrainableMessage } from './trainable.ts';
import { TurnMarks, type RenderPart } from './turn-marks.ts';

/** Characters [start, end) of the rendered text. */
export interface Span {
  start: number;
  end: number;
}

export interface ChatSpans {
  /** The whole conversation, rendered. */
  text: string;
  /** In order, one for each supervised turn. */
  spans: Span[];
  /** The last turn is the assistant's and nothing marks its end: an eos token has to. `text` then ends with the turn's text. */
  needsEos: boolean;
  notes: string[];
}

/** The note of a template whose text up to a turn is not a prefix of the whole. */
export const UNSTABLE_NOTE =
  'The chat template does not render parts of a conversation as it renders the whole: answers were found by rendering the whole with marks.';

type Render = (messages: readonly TrainableMessage[], addGenerationPrompt: boolean) => string;

/** Errors of a template that did too much work: it is not rendered again. */
const STOPPED = new Set(['chat-template-limit', 'chat-template-budget']);

/** A turn, and whether anything marks its end. */
interface Turn extends Span {
  marked: boolean;
}

/** The end of the answer's turn: after the marker that only ends turns, or a special token, or its text. */
function turnEnd(
  text: string,
  contentEnd: number,
  ending: string | undefined,
  specialTokens: readonly string[],
): { end: number; marked: boolean } {
  const marker = ending?.trimEnd();
  if (marker && text.startsWith(marker, contentEnd)) {
    return { end: contentEnd + marker.length, marked: true };
  }
  const gap = /^\s*/.exec(text.slice(contentEnd))?.[0].length ?? 0;
  const token = specialTokens.find((special) => text.startsWith(special, contentEnd + gap));
  return token === undefined
    ? { end: contentEnd, marked: false }
    : { end: contentEnd + gap + token.length, marked: true };
}

/** The start of an answer's turn: after the header that asks for it, which follows the previous message, or else at its text. */
function turnStart(text: string, index: number, marks: TurnMarks): number | undefined {
  const header = index > 0 ? marks.ending(index - 1, true) : undefined;
  const before = header === undefined ? undefined : marks.end(index - 1);
  if (header !== undefined && before !== undefined && text.startsWith(header, before)) {
    return before + header.length;
  }
  return marks.start(index);
}

/**
 * Throws what `render` throws for the whole conversation, `chat-template-limit` and `chat-template-budget` for a part of it, and
 * `chat-template-answer` if an answer cannot be told from what is around it.
 */
export function findChatSpans(
  messages: readonly TrainableMessage[],
  render: Render,
  specialTokens: readonly string[],
): ChatSpans {
  const text = render(messages, false);
  const spans: Span[] = [];
  const notes = new Set<string>();
  const renderPart: RenderPart = (part, addGenerationPrompt) => {
    try {
      return render(part, addGenerationPrompt);
    } catch (error) {
      // A template may refuse a part that starts with an answer, or index a missing message.
      if (error instanceof GraftError && !STOPPED.has(error.code)) return undefined;
      throw error;
    }
  };
  let knownMarks: TurnMarks | undefined;

  /** The turn of an answer, which starts at `known` if the text before it is a prefix of the whole. */
  const findTurn = (index: number, known: number | undefined, last: boolean): Turn | undefined => {
    const marks = (knownMarks ??= new TurnMarks(messages, text, renderPart));
    const start = known ?? turnStart(text, index, marks);
    const contentEnd = marks.end(index);
    if (start === undefined || contentEnd === undefined) return undefined;
    if (last) {
      const end = Math.max(text.trimEnd().length, start);
      return { start, end, marked: text.slice(contentEnd).trim() !== '' };
    }
    return { start, ...turnEnd(text, contentEnd, marks.ending(index, false), specialTokens) };
  };

  let cursor = 0;
  let needsEos = false;
  messages.forEach((message, index) => {
    if (message.role !== 'assistant' || message.supervised === false) return;
    const last = index === messages.length - 1;
    const content = message.content.trim();
    const before = renderPart(messages.slice(0, index), true);
    const through = last ? text : renderPart(messages.slice(0, index + 1), false);
    const start =
      before !== undefined && before.length >= cursor && text.startsWith(before) ? before.length : undefined;
    let turn: Turn | undefined;
    if (start !== undefined && through !== undefined && through.length > start && text.startsWith(through)) {
      const region = text.slice(start, through.length).trimEnd();
      const at = region.indexOf(content);
      turn = { start, end: start + region.length, marked: at < 0 || at + content.length < region.length };
    } else {
      turn = findTurn(index, start, last);
      notes.add(UNSTABLE_NOTE);
    }
    if (!turn || turn.start < cursor || turn.end < turn.start) {
      throw new GraftError(
        'chat-template-answer',
        `The chat template does not show where the answer in message ${index + 1} starts and ends, so the answer cannot be found.`,
        'Choose another template, or rows with one answer each.',
      );
    }
    if (!text.slice(turn.start, turn.end).includes(content)) {
      notes.add('The chat template changes an answer: it was learnt from as the template shows it.');
    }
    cursor = turn.end;
    spans.push({ start: turn.start, end: turn.end });
    if (last && !turn.marked) {
      needsEos = true;
      notes.add(
        'The chat template does not mark the end of an answer: an eos token was added after the last one.',
      );
    }
  });
  // What follows the last answer then is white space only.
  return { text: needsEos ? text.slice(0, cursor) : text, spans, needsEos, notes: [...notes] };
}
