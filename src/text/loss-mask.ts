/**
 * Examples → token rows: ids, and which of them are learnt from.
 *
 * - With a chat template: every assistant's turn, its end-of-turn token included, the white space after it not (chat-spans.ts).
 * - Prompt and completion without a template: bos + prompt + completion + eos, encoded as one text; completion and eos.
 * - Plain text: bos + text + eos; all of it.
 * - Ready rows: as they are.
 * - A prompt without an answer: up to where its answer would start; nothing of it.
 * - Parts of an answer that are marked as untrained: context, with every token that has a character of them (untrained.ts).
 * - Pairs: both answers, each after the prompt; judged answers likewise (pair.ts).
 *
 * bos if the tokenizer starts texts with it, eos if it has one. The template's text is encoded without the tokenizer's own bos: the template has written it.
 */
import { GraftError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { renderChat } from './chat-template.ts';
import { findChatSpans, type Span } from './chat-spans.ts';
import { renderPair, renderUnpaired } from './pair.ts';
import type { Tokenizer } from './tokenizer.ts';
import { tokensIn, untrainedIn } from './untrained.ts';
import { IGNORED, type TokenRow, type ExampleContent, type TrainableMessage } from './trainable.ts';

export interface RenderExampleOptions {
  /** Instead of the tokenizer's own; null: none, prompts and completions are put together plainly. */
  template?: string | null;
  /** More variables for the template: `enable_thinking` … */
  templateVariables?: Readonly<Record<string, unknown>>;
  /** The current time for templates. Fix it to make the same rows tomorrow. */
  now?: Date;
}

export interface RenderedRow extends TokenRow {
  /** Notes for the person about how the row was made. Usually empty. */
  readonly notes: readonly string[];
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}

/**
 * The text's ids, and for each whether it has a character of a span. Pieces between the spans' bounds are encoded one by one. If the whole is encoded
 * differently (sentencepiece's space before a word, a token across a bound), its ids are used, and each bound lies where the encoding of the text
 * before it first differs from that of the whole.
 */
function encodeSpans(
  text: string,
  spans: readonly Span[],
  tokenizer: Tokenizer,
): { ids: number[]; inside: boolean[]; shared: boolean } {
  const ids = tokenizer.encode(text);
  const pieces: number[] = [];
  const inside: boolean[] = [];
  const addPiece = (start: number, end: number, isInside: boolean): void => {
    if (start === end) return;
    for (const id of tokenizer.encode(text.slice(start, end))) {
      pieces.push(id);
      inside.push(isInside);
    }
  };
  let cursor = 0;
  for (const { start, end } of spans) {
    addPiece(cursor, start, false);
    addPiece(start, end, true);
    cursor = end;
  }
  addPiece(cursor, text.length, false);
  if (pieces.length === ids.length && commonPrefix(pieces, ids) === ids.length)
    return { ids, inside, shared: false };

  const aligned = new Array<boolean>(ids.length).fill(false);
  let shared = false;
  for (const { start, end } of spans) {
    const before = tokenizer.encode(text.slice(0, start));
    const through = tokenizer.encode(text.slice(0, end));
    const from = commonPrefix(before, ids);
    const to = commonPrefix(through, ids);
    if (from < before.length) shared = true;
    // A token that also has what follows the span still ends it.
    aligned.fill(true, from, to < through.length ? to + 1 : to);
  }
  return { ids, inside: aligned, shared };
}

/** Takes the tokens of parts that are context only out of those that are learned from. */
function leaveOut(
  parts: readonly Span[],
  inside: boolean[],
  { text, ids }: { readonly text: string; readonly ids: readonly number[] },
  tokenizer: Tokenizer,
): void {
  if (parts.length === 0) return;
  tokensIn(text, parts, ids, tokenizer).forEach((isOut, t) => {
    if (isOut) inside[t] = false;
  });
}

const SHARED_TOKEN =
  'A prompt and its answer share a token, which is trained on: end prompts with a new line, or start answers with the space.';

function toRow(ids: number[], inside: readonly boolean[], notes: readonly string[]): RenderedRow {
  return { ids, labels: ids.map((id, t) => (t > 0 && inside[t] ? id : IGNORED)), notes };
}

function renderMessages(
  { messages, tools }: Pick<Extract<ExampleContent, { kind: 'messages' }>, 'messages' | 'tools'>,
  template: string,
  tokenizer: Tokenizer,
  { templateVariables, now }: RenderExampleOptions,
): RenderedRow {
  const renderWith =
    (given: readonly JsonObject[] | undefined) =>
    (part: readonly TrainableMessage[], addGenerationPrompt: boolean): string =>
      renderChat(template, part, {
        addGenerationPrompt,
        bosToken: tokenizer.bosToken,
        eosToken: tokenizer.eosToken,
        tools: given,
        variables: templateVariables,
        now,
        where: template === tokenizer.chatTemplate ? tokenizer.chatTemplateFile : undefined,
      });
  const { text, spans, needsEos, notes } = findChatSpans(
    messages,
    renderWith(tools),
    tokenizer.specialTokens,
  );
  requireTurns(messages, text);
  // A template that knows no tools writes the same without them.
  if (tools && renderWith(undefined)(messages, false) === renderWith(tools)(messages, false))
    throw withoutTools('the definitions of tools');
  const { ids, inside, shared } = encodeSpans(text, spans, tokenizer);
  const answers = messages.filter(({ role, supervised }) => role === 'assistant' && supervised !== false);
  const untrained = answers.flatMap((answer, at) =>
    untrainedIn(text, spans[at], answer.content, answer.untrained),
  );
  leaveOut(untrained, inside, { text, ids }, tokenizer);
  if (needsEos && tokenizer.eosId !== undefined) {
    ids.push(tokenizer.eosId);
    inside.push(true);
  }
  return toRow(ids, inside, shared ? [...notes, SHARED_TOKEN] : notes);
}

/** Refuses a template that passes over calls or over what tools answered: the row would teach something else. @throws GraftError `chat-template-tools` */
function requireTurns(messages: readonly TrainableMessage[], text: string): void {
  const isWritten = (said: string): boolean =>
    text.includes(said.trim()) || text.includes(JSON.stringify(said).slice(1, -1));
  for (const [index, { role, content, tool_calls: calls = [] }] of messages.entries()) {
    if (calls.some((call) => !isWritten(call.function.name)))
      throw withoutTools(`the tool calls of message ${index + 1}`);
    if (role === 'tool' && !isWritten(content))
      throw withoutTools(`what the tool answered in message ${index + 1}`);
  }
}

const withoutTools = (what: string): GraftError =>
  new GraftError(
    'chat-template-tools',
    `The chat template does not write ${what}.`,
    'Choose a model whose template knows tools, or another template.',
  );

/** What is asked, up to where its answer starts. */
function renderPrompt(
  messages: readonly TrainableMessage[],
  template: string,
  tokenizer: Tokenizer,
  { templateVariables, now }: RenderExampleOptions,
): RenderedRow {
  const text = renderChat(template, messages, {
    addGenerationPrompt: true,
    bosToken: tokenizer.bosToken,
    eosToken: tokenizer.eosToken,
    variables: templateVariables,
    now,
    where: template === tokenizer.chatTemplate ? tokenizer.chatTemplateFile : undefined,
  });
  return asked(tokenizer.encode(text));
}

const asked = (ids: number[]): RenderedRow => ({
  ...{ ids, labels: ids.map(() => IGNORED), asks: true, notes: [] },
});

/** bos + text + eos, with what a span covers and eos supervised. */
function renderPlain(
  text: string,
  span: Span,
  tokenizer: Tokenizer,
  untrained: readonly Span[] = [],
): RenderedRow {
  const { ids, inside, shared } = encodeSpans(text, [span], tokenizer);
  leaveOut(untrained, inside, { text, ids }, tokenizer);
  if (tokenizer.startId !== undefined) {
    ids.unshift(tokenizer.startId);
    inside.unshift(false);
  }
  if (tokenizer.eosId !== undefined) {
    ids.push(tokenizer.eosId);
    inside.push(true);
  }
  return toRow(ids, inside, shared ? [SHARED_TOKEN] : []);
}

/** A ready row, which needs no tokenizer: unchanged except for the first label, which nothing could predict. */
export function renderTokens({ ids, labels }: TokenRow): RenderedRow {
  return { ids: [...ids], labels: labels.map((label, t) => (t === 0 ? IGNORED : label)), notes: [] };
}

function withoutTemplate(): GraftError {
  return new GraftError(
    'chat-template-missing',
    'The data has conversations and the model has no chat template.',
    'Use a chat model, or data of prompt and completion.',
  );
}

/**
 * One example as a token row, of any length (limit.ts cuts it).
 * Throws `chat-template-missing` for messages if there is no template, `prepare-kind` for a query with its texts, and what encoding and rendering throw.
 */
export function renderExample(
  example: ExampleContent,
  tokenizer: Tokenizer,
  options: RenderExampleOptions = {},
): RenderedRow {
  const template = options.template === undefined ? tokenizer.chatTemplate : (options.template ?? undefined);
  switch (example.kind) {
    case 'messages':
      if (template === undefined) {
        throw withoutTemplate();
      }
      return renderMessages(example, template, tokenizer, options);
    case 'completion': {
      const { prompt, completion, separator = '', untrained } = example;
      if (template !== undefined) {
        const messages = [
          { role: 'user', content: prompt },
          { role: 'assistant', content: completion, ...(untrained && { untrained }) },
        ] as const;
        return renderMessages({ messages }, template, tokenizer, options);
      }
      const before = prompt + separator;
      const text = before + completion;
      const span = { start: before.length, end: text.length };
      return renderPlain(text, span, tokenizer, untrainedIn(text, span, completion, untrained));
    }
    case 'text':
      return renderPlain(example.text, { start: 0, end: example.text.length }, tokenizer);
    case 'tokens':
      return renderTokens(example);
    case 'prompt': {
      const { prompt } = example;
      const messages = typeof prompt === 'string' ? [{ role: 'user', content: prompt } as const] : prompt;
      if (template !== undefined) return renderPrompt(messages, template, tokenizer, options);
      if (typeof prompt !== 'string') throw withoutTemplate();
      const ids = tokenizer.encode(prompt);
      if (tokenizer.startId !== undefined) ids.unshift(tokenizer.startId);
      return asked(ids);
    }
    case 'pair': {
      const pair = renderPair(example, template, tokenizer, options);
      if (!pair) throw withoutTemplate();
      return pair;
    }
    case 'query':
      throw new GraftError(
        'prepare-kind',
        'query and positive are for an encoder: graft train --objective contrastive tunes one with them',
        '',
      );
    case 'unpaired': {
      const row = renderUnpaired(example, template, tokenizer, options);
      if (!row) throw withoutTemplate();
      return row;
    }
  }
}
