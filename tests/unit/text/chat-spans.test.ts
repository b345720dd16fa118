import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findChatSpans, type ChatSpans } from '../../../src/text/chat-spans.ts';
import { renderChat } from '../../../src/text/chat-template.ts';
import type { TrainableMessage } from '../../../src/text/trainable.ts';
import { graftError } from '../expect-graft-error.ts';

/** Made by tests/fixtures/chat-spans.py. */
const { conversations, cases } = JSON.parse(
  readFileSync(new URL('../../fixtures/chat-spans.json', import.meta.url), 'utf8'),
) as {
  conversations: TrainableMessage[][];
  cases: { name: string; template: string; spans: [number, number][][] }[];
};

function spansOf(template: string, messages: readonly TrainableMessage[]): ChatSpans {
  return findChatSpans(
    messages,
    (part, addGenerationPrompt) =>
      renderChat(template, part, { addGenerationPrompt, bosToken: '<s>', eosToken: '</s>' }),
    ['<|im_start|>', '<|im_end|>', '</s>', '<s>'],
  );
}

function answers({ text, spans }: ChatSpans): string[] {
  return spans.map(({ start, end }) => text.slice(start, end));
}

describe('answers in templates that change turns as others follow', () => {
  it.each(cases)("are transformers': $name", ({ template, spans }) => {
    conversations.forEach((messages, index) => {
      const found = spansOf(template, messages);
      expect(found.spans).toEqual(spans[index].map(([start, end]) => ({ start, end })));
      expect(found.needsEos).toBe(false);
    });
  });

  const conversation = fc
    .array(
      fc.constantFrom('a', 'user', 'assistant', '<|im_end|>', '</s>', '[/INST]', ' ', '\n', '</think>'),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    .map((words) => words.join(''));

  it.each(cases)('never have a character of another turn: $name', ({ template }) => {
    fc.assert(
      fc.property(fc.array(conversation, { minLength: 2, maxLength: 6 }), (contents) => {
        // Letters of answers are capital and those of other turns small, but for what the template writes itself.
        const messages = contents.slice(0, contents.length & ~1).map((content, i) => ({
          role: i % 2 ? ('assistant' as const) : ('user' as const),
          content: i % 2 ? `A${content}Z` : `q${content}`,
        }));
        for (const [i, answer] of answers(spansOf(template, messages)).entries()) {
          const { content } = messages[2 * i + 1];
          const shown = [content, content.split('</think>').at(-1) ?? ''].find((text) =>
            answer.includes(text),
          );
          expect(answer.replace(/^\s*(<think><\/think>)?/, '')).toMatch(/(<\|im_end\|>|<\/s>)$/);
          expect(shown).toBeDefined();
          expect(answer.length - (shown ?? '').length).toBeLessThan(40);
          expect(answer).not.toContain('q');
        }
      }),
      { numRuns: 100 },
    );
  });

  it('are refused if nothing distinguishes them from the rest', async () => {
    // What stands in front depends on the answer, and half a conversation is refused.
    const template =
      "{% if messages|length < 2 %}{{ raise_exception('no') }}{% endif %}[{{ messages[1].content|length }}]" +
      '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}';
    const messages = [
      { role: 'user', content: 'yes or no?' },
      { role: 'assistant', content: 'yes' },
    ] as const;
    const error = await graftError(() => spansOf(template, messages), 'chat-template-answer');
    expect(error.what).toContain('message 2');
  });

  it('come with a note on what was done', () => {
    const [counted] = cases.filter(({ name }) => name.startsWith('the number of turns'));
    const [dropped] = cases.filter(({ name }) => name.startsWith('thoughts'));
    const thought = conversations[5];
    expect(spansOf(counted.template, conversations[2]).notes).toEqual([
      expect.stringContaining('by rendering the whole with marks'),
    ]);
    expect(spansOf(dropped.template, thought).notes).toEqual([
      expect.stringContaining('by rendering the whole with marks'),
      expect.stringContaining('changes an answer'),
    ]);
  });

  it('keep the text of a conversation that ends without an end of turn', () => {
    const template =
      '{% for m in messages %}{{ loop.revindex }}{{ m.role }}: {{ m.content }}\n{% endfor %}' +
      '{% if add_generation_prompt %}1assistant: {% endif %}';
    const messages = [
      { role: 'user', content: 'yes or no?' },
      { role: 'assistant', content: 'yes' },
    ] as const;
    const found = spansOf(template, messages);
    expect(found.text).toBe('2user: yes or no?\n1assistant: yes');
    expect(answers(found)).toEqual(['yes']);
    expect(found.needsEos).toBe(true);
  });
});
