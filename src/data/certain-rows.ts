/**
 * Which examples certainly become rows that can be trained on, without their tokens: a million of them are divided before the first is tokenized.
 * Rows of which this is not certain are made to see.
 */
import { findChatSpans } from '../text/chat-spans.ts';
import { renderChat } from '../text/chat-template.ts';
import { writesTextsOnly } from '../text/template-shape.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { ExampleContent, TrainableMessage } from '../text/trainable.ts';
import {
  COMPARED,
  COMPLETION_FORM,
  CONTEXT,
  MOST_BYTES,
  outlineOf,
  PROMPT_FORM,
  TEXT_FORM,
  type Outline,
  type SizeOf,
} from './outline.ts';
import { MAX_EXAMPLE_CHARS, type PrepareOptions } from './prepare.ts';

/** Tokens beyond the bytes of a text: a space before it, and the two that start and end it. */
const MORE_TOKENS = 3;

/** What surrounds the texts of examples of one form. */
interface Frame {
  /** Tokens around all texts, and before the first text that is learned from, at most. */
  readonly around: number;
  readonly before: number;
  /** Whether a row that loses its end still has the start of what is learned. */
  readonly bearsCut: boolean;
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Stands for a content in a template. */
const CONTENT = 'x';

export class CertainRows {
  readonly #frames = new Map<string, Frame | undefined>();
  readonly #template: string | undefined;

  constructor(
    readonly tokenizer: Tokenizer,
    readonly options: PrepareOptions,
  ) {
    const { chatTemplate } = tokenizer;
    this.#template = options.template === undefined ? chatTemplate : (options.template ?? undefined);
  }

  /**
   * Whether an example certainly becomes a row with something to learn, or a prompt. Tokens are counted where bytes leave that open.
   *
   * @param bytesOf the most bytes of its texts
   */
  has(example: ExampleContent, bytesOf: SizeOf = MOST_BYTES): boolean {
    const outline = outlineOf(example, bytesOf);
    const { form } = outline;
    if (form === undefined || outline.most > MAX_EXAMPLE_CHARS) return false;
    if (!this.#frames.has(form)) this.#frames.set(form, this.#frameOf(form));
    const frame = this.#frames.get(form);
    if (!frame) return false;
    let tooMany = this.#tooMany(outline, frame);
    if (tooMany <= 0) return true;
    const { mostTokens } = this.tokenizer;
    if (!mostTokens) return false;
    // Which of two answers has too many is not known.
    if (form.startsWith(COMPARED)) return this.#tooMany(outlineOf(example, mostTokens), frame) <= 0;
    const counted = outlineOf(example, (text) => {
      const bytes = bytesOf(text);
      const tokens = mostTokens(text, bytes - tooMany);
      tooMany -= bytes - tokens;
      return tokens;
    });
    return this.#tooMany(counted, frame) <= 0;
  }

  /** How many tokens less would leave something to learn; not above 0 if something is left. */
  #tooMany({ most, mostBefore }: Outline, { around, before, bearsCut }: Frame): number {
    const { maxLength, overlong } = this.options;
    const tooMany = most + around - maxLength;
    if (overlong === 'drop' || !bearsCut) return tooMany;
    return Math.min(tooMany, mostBefore + before + 2 - maxLength);
  }

  /** @returns undefined if its rows have to be made */
  #frameOf(given: string): Frame | undefined {
    const isCompared = given.startsWith(`${COMPARED} `);
    const form = isCompared ? given.slice(COMPARED.length + 1) : given;
    const { spellsBytes, startId, eosId, vocabSize } = this.tokenizer;
    // Otherwise an id may be one that the model does not have.
    const isKnown = vocabSize <= (this.options.vocabSize ?? vocabSize);
    if (spellsBytes !== true || !isKnown) return undefined;
    const template = this.#template;
    // The limit leaves the end of a prompt.
    if (form === PROMPT_FORM && template === undefined)
      return { around: MORE_TOKENS, before: 0, bearsCut: true };
    if (form === TEXT_FORM || (form === COMPLETION_FORM && template === undefined)) {
      // Nothing predicts the first token.
      const hasTwo = startId !== undefined && eosId !== undefined;
      return hasTwo ? { around: MORE_TOKENS, before: MORE_TOKENS, bearsCut: true } : undefined;
    }
    if (template === undefined || !writesTextsOnly(template)) return undefined;
    if (form === PROMPT_FORM) return this.#frameOfPrompt(template, ['user']);
    const roles = form === COMPLETION_FORM ? ['user', 'assistant'] : form.split(' ');
    if (roles[0] === PROMPT_FORM) return this.#frameOfPrompt(template, roles.slice(1));
    return this.#frameOfChat(template, roles, isCompared);
  }

  #frameOfPrompt(template: string, roles: readonly string[]): Frame | undefined {
    const messages = roles.map((role) => ({ role: role as TrainableMessage['role'], content: CONTENT }));
    try {
      const around = this.#mostAround(this.#renderer(template)(messages, true)) + MORE_TOKENS;
      return { around, before: 0, bearsCut: true };
    } catch {
      return undefined; // the template refuses them: each of the rows says so
    }
  }

  /** The most tokens of what a template writes: one for each that surely is one, and the bytes of the rest. */
  #mostAround(text: string): number {
    const { apartTokens = [] } = this.tokenizer;
    // One with that character in it may be none around another content.
    const apart = apartTokens.filter((token) => !token.includes(CONTENT));
    const rest = apart.reduce((pieces, token) => pieces.flatMap((piece) => piece.split(token)), [text]);
    return bytesOf(rest.join('')) + rest.length - 1;
  }

  #renderer(
    template: string,
  ): (messages: readonly TrainableMessage[], addGenerationPrompt: boolean) => string {
    const { bosToken, eosToken } = this.tokenizer;
    const { templateVariables: variables, now } = this.options;
    return (messages, addGenerationPrompt) =>
      renderChat(template, messages, { addGenerationPrompt, bosToken, eosToken, variables, now });
  }

  #frameOfChat(template: string, roles: readonly string[], isCompared: boolean): Frame | undefined {
    const { specialTokens } = this.tokenizer;
    const messages = roles.map((role): TrainableMessage =>
      role === CONTEXT
        ? { role: 'assistant', content: CONTENT, supervised: false }
        : { role: role as TrainableMessage['role'], content: CONTENT },
    );
    const render = this.#renderer(template);
    try {
      const { text, spans, needsEos } = findChatSpans(messages, render, specialTokens);
      const first = spans.at(0);
      // Nothing predicts the first token.
      if (!first || first.start === 0 || needsEos) return undefined;
      const learned = text.slice(first.start, first.end);
      const around = this.#mostAround(text) + MORE_TOKENS;
      if (isCompared) {
        // Answers are compared from the first token that the prompt does not have (`text/pair.ts`).
        const prompt = render(messages.slice(0, roles.indexOf('assistant')), true);
        return { around, before: this.#mostAround(prompt) + MORE_TOKENS, bearsCut: true };
      }
      return {
        around,
        before: this.#mostAround(text.slice(0, first.start)) + MORE_TOKENS,
        // What follows a special token changes no token before it.
        bearsCut: specialTokens.some((token) => learned.endsWith(token)),
      };
    } catch {
      return undefined; // the template refuses them: each of the rows says so
    }
  }
}
