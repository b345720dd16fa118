/**
 * Finds a message's text in a rendered conversation without searching for the text itself, which may also occur elsewhere: the conversation is
 * rendered again with a mark at the message, and the text before and after the mark is matched with the whole. The result is undefined if the two
 * renderings differ in more than the message.
 */
import { saidBy, type TrainableMessage } from './trainable.ts';

/** A part of a conversation, rendered, or undefined if the template refuses it. */
export type RenderPart = (
  messages: readonly TrainableMessage[],
  addGenerationPrompt: boolean,
) => string | undefined;

interface Around {
  before: string;
  after: string;
}

/** Characters for private use: no template knows them, and no case, trimming or JSON changes them. */
const FIRST_MARK = 0xe000;
const LAST_MARK = 0xf8ff;

export class TurnMarks {
  readonly #messages: readonly TrainableMessage[];
  readonly #text: string;
  readonly #render: RenderPart;
  readonly #mark: string | undefined;

  /** @param text the whole conversation, rendered */
  constructor(messages: readonly TrainableMessage[], text: string, render: RenderPart) {
    this.#messages = messages;
    this.#text = text;
    this.#render = render;
    const used = new Set(text + messages.map(saidBy).join(''));
    for (let code = FIRST_MARK; code <= LAST_MARK && this.#mark === undefined; code++) {
      if (!used.has(String.fromCharCode(code))) this.#mark = String.fromCharCode(code);
    }
  }

  /** What is rendered around the mark, with `content(mark)` instead of a message's; `count` messages of the conversation. */
  #around(
    index: number,
    content: (mark: string) => string,
    count: number,
    addGenerationPrompt: boolean,
  ): Around | undefined {
    const mark = this.#mark;
    if (mark === undefined) return undefined;
    const marked = this.#messages
      .slice(0, count)
      .map((message, i) => (i === index ? { ...message, content: content(mark) } : message));
    const parts = this.#render(marked, addGenerationPrompt)?.split(mark);
    return parts?.length === 2 ? { before: parts[0], after: parts[1] } : undefined;
  }

  /** The mark instead of the message: all that depends on the message lies between what is around it. */
  #replaced(index: number): { start: number; end: number } | undefined {
    const around = this.#around(index, (mark) => mark, this.#messages.length, false);
    if (!around || !this.#text.startsWith(around.before) || !this.#text.endsWith(around.after))
      return undefined;
    const end = this.#text.length - around.after.length;
    return around.before.length <= end ? { start: around.before.length, end } : undefined;
  }

  /** The start of the message's text. Templates may trim it, which a mark before it prevents. */
  start(index: number): number | undefined {
    const { content } = this.#messages[index];
    const around = this.#around(index, (mark) => mark + content, this.#messages.length, false);
    if (around && this.#text.startsWith(around.before)) {
      const shown = this.#text.slice(around.before.length);
      if (shown.trimStart() === around.after.trimStart()) return around.before.length;
    }
    return this.#replaced(index)?.start;
  }

  /** The end of the message's text, including its own white space. */
  end(index: number): number | undefined {
    const { content } = this.#messages[index];
    const around = this.#around(index, (mark) => content + mark, this.#messages.length, false);
    if (around && this.#text.endsWith(around.after)) {
      const shown = this.#text.slice(0, this.#text.length - around.after.length);
      if (shown.trimEnd() === around.before.trimEnd()) return shown.length;
    }
    return this.#replaced(index)?.end;
  }

  /** The text that the template puts after the last message of a conversation: the end of its turn, and possibly a header. */
  ending(index: number, addGenerationPrompt: boolean): string | undefined {
    const { content } = this.#messages[index];
    const around =
      this.#around(index, (mark) => content + mark, index + 1, addGenerationPrompt) ??
      this.#around(index, (mark) => mark, index + 1, addGenerationPrompt);
    return around?.after;
  }
}
