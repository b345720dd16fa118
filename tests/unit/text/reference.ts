/** Texts and chats as transformers' tokenizers read them, and what a tokenizer must do with them. */
import { expect } from 'vitest';
import { renderChat } from '../../../src/text/chat-template.ts';
import type { Tokenizer } from '../../../src/text/tokenizer.ts';

/** A file of ../shared/reference/tokenizers, or reference.json in a folder of tests/reference/tokenizers. */
export interface TokenizerReference {
  texts: { text: string; ids: number[]; with_special: number[]; decoded: string }[];
  chats: {
    messages: { role: string; content: string }[];
    rendered: string;
    generation_prompt: string;
    ids: number[];
  }[];
}

/** Every text has the ids of the reference, with special tokens and without, and is decoded to the same text. */
export function expectTexts(tokenizer: Tokenizer, { texts }: TokenizerReference): void {
  expect(texts).toHaveLength(41);
  for (const { text, ids, with_special, decoded } of texts) {
    expect(tokenizer.encode(text), text).toEqual(ids);
    expect(tokenizer.encode(text, { addSpecialTokens: true }), text).toEqual(with_special);
    expect(tokenizer.decode(ids), text).toBe(decoded);
  }
}

/** Ids that come one by one give the text that all of them give. */
export function expectStreams(tokenizer: Tokenizer, { texts }: TokenizerReference): void {
  for (const { ids, decoded } of texts) {
    const stream = tokenizer.streamDecoder();
    expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(decoded);
  }
}

/** The chat template of the tokenizer renders each chat, and its prompt, as the reference does. */
export function expectChats(tokenizer: Tokenizer, { chats }: TokenizerReference): void {
  const { chatTemplate = '', bosToken, eosToken } = tokenizer;
  for (const { messages, rendered, generation_prompt, ids } of chats) {
    const render = (part: typeof messages, addGenerationPrompt: boolean): string =>
      renderChat(chatTemplate, part, { addGenerationPrompt, bosToken, eosToken });
    expect(render(messages, false)).toBe(rendered);
    expect(render(messages.slice(0, -1), true)).toBe(generation_prompt);
    expect(tokenizer.encode(rendered)).toEqual(ids);
  }
}
