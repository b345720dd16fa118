/**
 * Which characters of a rendered conversation are an assistant's: its text and the end-of-turn marker, not the white space after it.
 *
 * Found by rendering turn by turn: what is rendered up to a turn (with the header of the answer) and through it are prefixes of the whole,
 * and the turn lies between them. Some templates change earlier turns when later ones come (Qwen 3 drops their thoughts) or refuse half a
 * conversation; there the turn's own text is looked for in the whole instead, and a note says so.
 */
import { GraftError } from '../errors.ts';
import type { TrainableMessage } from './trainable.ts';

/** Characters [start, end) of the rendered text. */
export interface Span {
  start: number;
  end: number;
}

export interface ChatSpans {
  /** The whole conversation, rendered. */
  text: string;
  /** In order, one for each supervised turn that was found. */
  spans: Span[];
  /** The last turn is the assistant's and nothing marks its end: an eos token has to. `text` then ends with the turn's text. */
  needsEos: boolean;
  notes: string[];
}

export type Render = (messages: readonly TrainableMessage[], addGenerationPrompt: boolean) => string;

/** A part of a conversation, rendered, or undefined where the template refuses it. Only whole conversations have to render. */
function renderPart(
  render: Render,
  messages: readonly TrainableMessage[],
  addGenerationPrompt: boolean,
): string | undefined {
  try {
    return render(messages, addGenerationPrompt);
  } catch (error) {
    // A template may refuse a part that begins with an answer, or index a message that isn't there: the caller falls back, with a note.
    if (error instanceof GraftError && error.code !== 'chat-template-limit') return undefined;
    throw error;
  }
}

/** The turn's text looked for in the whole, from `from` on, with a special token that follows it. */
function findTurn(
  text: string,
  content: string,
  from: number,
  specialTokens: readonly string[],
): (Span & { marked: boolean }) | undefined {
  const start = text.indexOf(content, from);
  if (start < 0) return undefined;
  let end = start + content.length;
  const gap = /^\s*/.exec(text.slice(end))?.[0].length ?? 0;
  const marker = specialTokens.find((token) => text.startsWith(token, end + gap));
  if (marker !== undefined) end += gap + marker.length;
  return { start, end, marked: marker !== undefined };
}

/** Throws what `render` throws for the whole conversation, and `chat-template-limit` for a part of it. */
export function findChatSpans(
  messages: readonly TrainableMessage[],
  render: Render,
  specialTokens: readonly string[],
): ChatSpans {
  let text = render(messages, false);
  const spans: Span[] = [];
  const notes = new Set<string>();
  let cursor = 0;
  let needsEos = false;
  messages.forEach((message, index) => {
    if (message.role !== 'assistant') return;
    const last = index === messages.length - 1;
    const content = message.content.trim();
    const before = renderPart(render, messages.slice(0, index), true);
    const through = last ? text : renderPart(render, messages.slice(0, index + 1), false);
    const start =
      before !== undefined && before.length >= cursor && text.startsWith(before) ? before.length : undefined;
    let turn: (Span & { marked: boolean }) | undefined;
    if (start !== undefined && through !== undefined && through.length > start && text.startsWith(through)) {
      const region = text.slice(start, through.length).trimEnd();
      const at = region.indexOf(content);
      turn = { start, end: start + region.length, marked: at < 0 || at + content.length < region.length };
    } else {
      notes.add(
        'The chat template renders earlier turns differently once later ones follow: answers were found by their text.',
      );
      const found = findTurn(text, content, start ?? cursor, specialTokens);
      turn = found && { ...found, start: start ?? found.start };
    }
    if (!turn) {
      notes.add('The chat template does not show an answer as it was written: it was not learnt from.');
      return;
    }
    cursor = turn.end;
    if (message.supervised !== false) spans.push({ start: turn.start, end: turn.end });
    if (last && !turn.marked && message.supervised !== false) {
      needsEos = true;
      text = text.slice(0, turn.end);
      notes.add(
        'The chat template does not mark the end of an answer: an eos token was added after the last one.',
      );
    }
  });
  return { text, spans, needsEos, notes: [...notes] };
}
