/** A conversation with tools in `graft generate`: the model is asked as its rows are written. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';

const at = temporaryFolder();
/** Made by tests/fixtures/tool-calls.py. */
const { templates, cases } = JSON.parse(
  readFileSync(new URL('../fixtures/tool-calls.json', import.meta.url), 'utf8'),
) as {
  templates: Record<string, string>;
  cases: { messages: { role: string }[]; tools: unknown[]; text: string }[];
};

beforeAll(() => {
  cpSync(fileURLToPath(new URL('../../public/models/sprig', import.meta.url)), at('model'), {
    recursive: true,
  });
  const path = at('model', 'tokenizer_config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as object;
  rmSync(at('model', 'chat_template.jinja'), { force: true });
  writeFileSync(path, JSON.stringify({ ...config, chat_template: templates.marks }));
});

const generate = (asked: unknown) => {
  writeFileSync(at('asked.json'), JSON.stringify(asked));
  const args = [
    '--model',
    at('model'),
    '--messages',
    at('asked.json'),
    '--max-new-tokens',
    '1',
    ...DEVICE_HERE,
  ];
  return graftHere(['generate', ...args, '--show-prompt', '--json']);
};

test('writes calls, answers of tools and definitions into the prompt as transformers does', async () => {
  const [{ messages, tools, text }] = cases;
  const { code, out, err } = await generate({ messages: messages.slice(0, -1), tools });
  expect(code, err).toBe(0);
  const { prompt } = JSON.parse(out) as { prompt: string };
  // The text of the whole row up to its last answer.
  expect(text.startsWith(prompt)).toBe(true);
  expect(prompt).toContain('<tools>');
  expect(prompt).toContain('<tool_response>');
  expect(prompt.endsWith('<|im_start|>assistant\n')).toBe(true);
});

test('refuses a conversation with the place of its mistake', async () => {
  const { code, err } = await generate({ messages: [{ role: 'robot', content: 'x' }] });
  expect(code).toBe(1);
  expect(err).toMatch(/asked\.json is not a conversation: messages\[0\] has the role "robot"/);
});
