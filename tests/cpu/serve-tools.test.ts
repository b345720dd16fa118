/** Tools in `graft serve`: a model that learned one call, asked by OpenAI's own client from its question to the answer of the tool. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEVICE_HERE, graft, temporaryFolder, type Ended } from '../engine/graft-command.ts';

const at = temporaryFolder();
/** Made by tests/fixtures/tool-calls.py. */
const { templates } = JSON.parse(
  readFileSync(new URL('../fixtures/tool-calls.json', import.meta.url), 'utf8'),
) as { templates: Record<'marks', string> };

const TOOLS: OpenAI.ChatCompletionFunctionTool[] = [
  {
    type: 'function',
    function: {
      name: 'warm',
      description: 'Warmth',
      parameters: { type: 'object', properties: { place: { type: 'string' } } },
    },
  },
];
const QUESTION = 'Is it warm in Oslo?';
const CALL = { name: 'warm', arguments: { place: 'Oslo' } };
const ROWS = [
  {
    messages: [
      { role: 'user', content: QUESTION },
      { role: 'assistant', content: '', tool_calls: [{ type: 'function', function: CALL }] },
      { role: 'tool', name: 'warm', content: '7' },
      { role: 'assistant', content: 'It has 7 degrees.' },
    ],
    tools: TOOLS,
  },
];

let client: OpenAI;
let ended: Promise<Ended>;
let stop: (signal: NodeJS.Signals) => void;
beforeAll(async () => {
  cpSync(fileURLToPath(new URL('../../public/models/sprig', import.meta.url)), at('model'), {
    recursive: true,
  });
  const path = at('model', 'tokenizer_config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as object;
  rmSync(at('model', 'chat_template.jinja'), { force: true });
  writeFileSync(path, JSON.stringify({ ...config, chat_template: templates.marks }));
  writeFileSync(at('rows.jsonl'), ROWS.map((row) => JSON.stringify(row)).join('\n'));
  const { code, err } = await graft([
    ...['train', '--model', at('model'), ...DEVICE_HERE, '--data', at('rows.jsonl'), '--out', at('tuned')],
    ...['--steps', '40', '--batch', '1', '--accumulate', '1', '--lr', '0.01', '--val-fraction', '0'],
  ]);
  expect(code, err).toBe(0);
  const baseURL = await new Promise<string>((resolve, reject) => {
    ended = graft(
      ['serve', '--model', at('model'), '--adapter', at('tuned'), ...DEVICE_HERE, '--port', '0'],
      (printed, kill) => {
        stop = kill;
        const [, address] = / at (http:\S+)\. Ctrl-C/.exec(printed) ?? [];
        if (address !== undefined) resolve(address);
      },
    );
    void ended.then(({ err: said }) => reject(new Error(`It ended: ${said}`)), reject);
  });
  client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  stop('SIGINT');
  const { code, err } = await ended;
  expect(code, err).toBe(0);
});

const ASKED = { model: 'tuned', temperature: 0, max_completion_tokens: 60, tools: TOOLS } as const;
const user = { role: 'user' as const, content: QUESTION };

test('a call comes as tool_calls, and the answer to it goes back', async () => {
  const { choices } = await client.chat.completions.create({ ...ASKED, messages: [user] });
  const [{ message, finish_reason: finish }] = choices;
  expect(finish).toBe('tool_calls');
  expect(message.content).toBeNull();
  const [call] = message.tool_calls ?? [];
  if (call?.type !== 'function') throw new Error('No call of a function');
  expect(call.function.name).toBe('warm');
  expect(JSON.parse(call.function.arguments)).toEqual({ place: 'Oslo' });
  const answer = await client.chat.completions.create({
    ...ASKED,
    messages: [user, message, { role: 'tool', tool_call_id: call.id, content: '7' }],
  });
  expect(answer.choices[0]).toMatchObject({
    finish_reason: 'stop',
    message: { content: 'It has 7 degrees.' },
  });
});

test('a stream has the call at its end, and none of it as text', async () => {
  const stream = client.chat.completions.stream({ ...ASKED, messages: [user] });
  let text = '';
  stream.on('content', (piece) => (text += piece));
  const { choices } = await stream.finalChatCompletion();
  expect(text).toBe('');
  expect(choices[0]).toMatchObject({
    finish_reason: 'tool_calls',
    message: { tool_calls: [{ type: 'function', function: { name: 'warm' } }] },
  });
});

test('tool_choice none writes no tools into the prompt, and leaves what is written as text', async () => {
  const asked = { ...ASKED, messages: [user] };
  const { choices, usage } = await client.chat.completions.create({ ...asked, tool_choice: 'none' });
  expect(choices[0].message.tool_calls).toBeUndefined();
  const { tools: _, ...bare } = asked;
  expect(usage!.prompt_tokens).toBe((await client.chat.completions.create(bare)).usage!.prompt_tokens);
});

test('a template without tools, and a tool that has to be called, are refused by name', async () => {
  const refusal = async (changes: object): Promise<APIError> => {
    const error: unknown = await client.chat.completions
      .create({ ...ASKED, messages: [user], ...changes, stream: false })
      .catch((reason: unknown) => reason);
    if (!(error instanceof APIError)) throw new Error('It was not refused');
    return error;
  };
  expect(await refusal({ tool_choice: 'required' })).toMatchObject({ status: 400, param: 'tool_choice' });
  expect(await refusal({ response_format: { type: 'json_object' } })).toMatchObject({
    ...{ status: 400, param: 'response_format' },
  });
  expect(await refusal({ tools: [{ type: 'function', function: {} }] })).toMatchObject({ param: 'tools' });
});
