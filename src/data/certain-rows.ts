/**
 * Which examples certainly become rows that can be trained on, without their tokens: a million of them are divided before the first is tokenized.
 * Rows of which this is not certain are made to see.
 */
import { findChatSpans } from '../text/chat-spans.ts';
import { renderChat } from '../text/chat-template.ts';
import { writesTextsOnly } from '../text/template-shape.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { TrainableMessage } from '../text/trainable.ts';
import { COMPARED, COMPLETION, CONTEXT, PROMPT, TEXT, type Outline } from './outline.ts';
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

export class CertainRows {
  readonly #frames = new Map<string, Frame | undefined>();
  readonly #template: string | undefined;

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly options: PrepareOptions,
  ) {
    const { chatTemplate } = tokenizer;
    this.#template = options.template === undefined ? chatTemplate : (options.template ?? undefined);
  }

  /** Whether an example certainly becomes a row with something to learn, or a prompt. */
  has({ form, most, mostBefore }: Outline): boolean {
    if (form === undefined || most > MAX_EXAMPLE_CHARS) return false;
    if (!this.#frames.has(form)) this.#frames.set(form, this.#frameOf(form));
    const frame = this.#frames.get(form);
    if (!frame) return false;
    const { maxLength, overlong } = this.options;
    if (most + frame.around <= maxLength) return true;
    return overlong !== 'drop' && frame.bearsCut && mostBefore + frame.before + 1 < maxLength;
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
    if (form === PROMPT && template === undefined) return { around: MORE_TOKENS, before: 0, bearsCut: true };
    if (form === TEXT || (form === COMPLETION && template === undefined)) {
      // Nothing predicts the first token.
      const hasTwo = startId !== undefined && eosId !== undefined;
      return hasTwo ? { around: MORE_TOKENS, before: MORE_TOKENS, bearsCut: true } : undefined;
    }
    if (template === undefined || !writesTextsOnly(template)) return undefined;
    if (form === PROMPT) return this.#frameOfPrompt(template, ['user']);
    const roles = form === COMPLETION ? ['user', 'assistant'] : form.split(' ');
    if (roles[0] === PROMPT) return this.#frameOfPrompt(template, roles.slice(1));
    return this.#frameOfChat(template, roles, isCompared);
  }

  #frameOfPrompt(template: string, roles: readonly string[]): Frame | undefined {
    const messages = roles.map((role) => ({ role: role as TrainableMessage['role'], content: 'x' }));
    try {
      const around = bytesOf(this.#renderer(template)(messages, true)) + MORE_TOKENS;
      return { around, before: 0, bearsCut: true };
    } catch {
      return undefined; // the template refuses them: each of the rows says so
    }
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
        ? { role: 'assistant', content: 'x', supervised: false }
        : { role: role as TrainableMessage['role'], content: 'x' },
    );
    const render = this.#renderer(template);
    try {
      const { text, spans, needsEos } = findChatSpans(messages, render, specialTokens);
      const first = spans.at(0);
      // Nothing predicts the first token.
      if (!first || first.start === 0 || needsEos) return undefined;
      const learned = text.slice(first.start, first.end);
      const around = bytesOf(text) + MORE_TOKENS;
      if (isCompared) {
        // Answers are compared from the first token that the prompt does not have (`text/pair.ts`).
        const prompt = render(messages.slice(0, roles.indexOf('assistant')), true);
        return { around, before: bytesOf(prompt) + MORE_TOKENS, bearsCut: true };
      }
      return {
        around,
        before: bytesOf(text.slice(0, first.start)) + MORE_TOKENS,
        // What follows a special token changes no token before it.
        bearsCut: specialTokens.some((token) => learned.endsWith(token)),
      };
    } catch {
      return undefined; // the template refuses them: each of the rows says so
    }
  }
}
