/** `graft serve`, asked by OpenAI's Python client. Needs a Python with openai: GRAFT_PYTHON. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVICE_HERE, graft, temporaryFolder, type Ended } from '../engine/graft-command.ts';
import { referencePath } from '../engine/reference-file.ts';
import { SPRIG } from '../engine/sprig.ts';
import { python } from './ask.ts';

const hasOpenAI = python !== undefined && spawnSync(python, ['-c', 'import openai']).status === 0;
if (!hasOpenAI)
  console.warn("SKIPPED: the test with OpenAI's Python client needs a GRAFT_PYTHON with openai.");

const at = temporaryFolder();
/** Made by tests/fixtures/tool-calls.py. */
const { templates } = JSON.parse(
  readFileSync(new URL('../fixtures/tool-calls.json', import.meta.url), 'utf8'),
) as { templates: Record<'marks', string> };
const ROWS = [
  {
    messages: [
      { role: 'user', content: 'Is it warm in Oslo?' },
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ type: 'function', function: { name: 'warm', arguments: { place: 'Oslo' } } }],
      },
      { role: 'tool', name: 'warm', content: '7' },
      { role: 'assistant', content: 'It has 7 degrees.' },
    ],
    tools: [
      {
        type: 'function',
        function: {
          name: 'warm',
          description: 'Warmth',
          parameters: { type: 'object', properties: { place: { type: 'string' } } },
        },
      },
    ],
  },
];

interface Server {
  readonly address: string;
  log(): string;
  stop(): Promise<Ended>;
}

function start(...args: readonly string[]): Promise<Server> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const ended = graft(['serve', ...args, ...DEVICE_HERE, '--port', '0'], (err, kill) => {
      printed = err;
      const [, address] = / at (http:\S+)\. Ctrl-C/.exec(err) ?? [];
      if (address !== undefined)
        resolve({
          address,
          log: () => printed,
          stop: () => {
            kill('SIGINT');
            return ended;
          },
        });
    });
    void ended.then(({ err }) => reject(new Error(`It ended: ${err}`)), reject);
  });
}

interface Came {
  readonly models: readonly string[];
  readonly chat: { readonly text: string; readonly usage: { readonly completion_tokens: number } };
  readonly stream: Came['chat'] & { readonly pieces: number };
  readonly tools: object;
  readonly as_json: object;
  readonly logprobs: { readonly text: string; readonly tokens: string; readonly highest: number };
  readonly stop: { readonly text: string; readonly wanted: string; readonly reason: string };
  readonly seed: readonly string[];
  readonly cancelled: { readonly role: string; readonly next: string };
  readonly busy: readonly { readonly status: number; readonly code?: string; readonly after?: string }[];
  readonly refused: readonly unknown[];
  readonly embeddings: readonly (readonly number[][])[];
}

describe.skipIf(!hasOpenAI)("OpenAI's Python client", () => {
  let chat: Server;
  let encoder: Server;
  let came: Came;
  beforeAll(async () => {
    cpSync(SPRIG, at('model'), { recursive: true });
    const path = at('model', 'tokenizer_config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...config, chat_template: templates.marks }));
    writeFileSync(at('rows.jsonl'), ROWS.map((row) => JSON.stringify(row)).join('\n'));
    const { code, err } = await graft([
      ...['train', '--model', at('model'), ...DEVICE_HERE, '--data', at('rows.jsonl'), '--out', at('tuned')],
      ...['--steps', '40', '--batch', '1', '--accumulate', '1', '--lr', '0.01', '--val-fraction', '0'],
    ]);
    expect(code, err).toBe(0);
    [chat, encoder] = await Promise.all([
      start('--model', at('model'), '--adapter', at('tuned'), '--parallel', '1', '--queue', '0'),
      start('--model', referencePath('encoders', 'mean')),
    ]);
    const child = spawn(python!, [join(import.meta.dirname, 'ask_openai.py'), chat.address, encoder.address]);
    let [out, said] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (out += piece));
    child.stderr.setEncoding('utf8').on('data', (piece: string) => (said += piece));
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect(status, said).toBe(0);
    came = JSON.parse(out) as Came;
  });
  afterAll(async () => {
    for (const server of [chat, encoder]) expect((await server.stop()).code).toBe(0);
  });

  test('gets answers, whole and in pieces, JSON, probabilities, and draws by the seed', () => {
    expect(came.models).toEqual(['model', 'tuned']);
    expect(came.chat.text).not.toBe('');
    const { text, usage } = came.chat;
    expect(came.stream).toMatchObject({ text, usage: { completion_tokens: usage.completion_tokens } });
    expect(came.stream.pieces).toBeGreaterThan(3);
    expect(came.as_json).toBeInstanceOf(Object);
    expect(came.logprobs).toMatchObject({ tokens: came.logprobs.text, likeliest: true });
    expect(came.logprobs.highest).toBeLessThanOrEqual(0);
    expect(came.stop).toMatchObject({ text: came.stop.wanted, reason: 'stop' });
    const [first, again, other] = came.seed;
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test('gets calls of tools, and sends their results back', () => {
    expect(came.tools).toEqual({
      ...{ name: 'warm', arguments: { place: 'Oslo' }, streamed: [{ place: 'Oslo' }] },
      answer: 'It has 7 degrees.',
    });
  });

  test('is told that the queue is full, and can leave a stream', () => {
    expect(came.cancelled).toEqual({ role: 'assistant', next: came.chat.text });
    expect(chat.log()).toContain('client left');
    const statuses = came.busy.map(({ status }) => status);
    expect(statuses).toContain(200);
    const full = came.busy.filter(({ status }) => status === 429);
    expect(statuses.filter((status) => status === 200)).toHaveLength(6 - full.length);
    expect(full.length).toBeGreaterThan(0);
    for (const { code, after } of full) {
      expect(code).toBe('queue_full');
      expect(Number(after)).toBeGreaterThan(0);
    }
  });

  test('names the field of a request that is refused', () => {
    expect(came.refused).toEqual([
      ['NotFoundError', 404, 'model_not_found', 'model'],
      ['BadRequestError', 400, 'context_length_exceeded', 'messages'],
      ['BadRequestError', 400, 'unsupported_value', 'frequency_penalty'],
    ]);
  });

  test('gets vectors, as base64 and as numbers', () => {
    const [base64, numbers] = came.embeddings;
    expect(numbers).toHaveLength(2);
    expect(numbers[0].length).toBeGreaterThan(8);
    expect(base64).toEqual(numbers);
  });
});
