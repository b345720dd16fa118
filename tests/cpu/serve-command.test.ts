/** `graft serve` on the bundled model, asked by OpenAI's own client: answers, adapters, a crowd of requests, limits, and its end. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  DEVICE_HERE,
  graft,
  graftHere,
  temporaryFolder,
  tensorsOf,
  VOICE,
  type Ended,
} from '../engine/graft-command.ts';
import { referencePath } from '../engine/reference-file.ts';
import { SPRIG } from '../engine/sprig.ts';
import { toFloat32 } from '../../src/weights/dtypes.ts';

const at = temporaryFolder();
const KEY = 'sesame';

interface Server {
  readonly client: OpenAI;
  /** What it has printed on standard error. */
  log(): string;
  /** Ctrl-C. */
  stop(): Promise<Ended>;
}

function start(args: readonly string[]): Promise<Server> {
  return new Promise((resolve, reject) => {
    let printed = '';
    let send: ((signal: NodeJS.Signals) => void) | undefined;
    const ended = graft(
      ['serve', ...args, ...DEVICE_HERE, '--port', '0'],
      (err, kill) => {
        printed = err;
        send = kill;
        const [, baseURL] = / at (http:\S+)\. Ctrl-C/.exec(err) ?? [];
        if (baseURL === undefined) return;
        resolve({
          client: new OpenAI({ baseURL, apiKey: KEY, maxRetries: 0 }),
          log: () => printed,
          stop: () => {
            send!('SIGINT');
            return ended;
          },
        });
      },
      { GRAFT_API_KEY: KEY },
    );
    void ended.then(({ err }) => reject(new Error(`It ended: ${err}`)), reject);
  });
}

/** Different questions. */
const QUESTIONS = [
  ...new Set(
    readFileSync(VOICE, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { messages: { content: string }[] }).messages[0].content),
  ),
].slice(0, 100);

const user = (content: string): { role: 'user'; content: string }[] => [{ role: 'user', content }];

/** What `graft generate` answers. */
async function generated(questions: readonly string[], ...args: string[]): Promise<string[]> {
  writeFileSync(at('prompts.jsonl'), questions.map((prompt) => JSON.stringify({ prompt })).join('\n'));
  const { code, out, err } = await graft([
    ...['generate', '--model', SPRIG, ...DEVICE_HERE, '--prompts', at('prompts.jsonl')],
    ...['--max-new-tokens', '24', ...args],
  ]);
  expect(code, err).toBe(0);
  return out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { text: string }).text);
}

let server: Server;
beforeAll(async () => {
  const { code, err } = await graft([
    ...['train', '--model', SPRIG, ...DEVICE_HERE, '--data', VOICE, '--out', at('voice')],
    ...['--steps', '6', '--batch', '2', '--accumulate', '1', '--lr', '0.02', '--max-length', '64'],
  ]);
  expect(code, err).toBe(0);
  server = await start(['--model', SPRIG, '--adapter', at('voice'), '--log', at('used.jsonl')]);
});
afterAll(async () => {
  const { code, err } = await server.stop();
  expect(code, err).toBe(0);
});

interface LoggedAnswer {
  readonly time: string;
  readonly model: string;
  readonly messages?: readonly object[];
  readonly prompt?: string;
  readonly answer: string;
  readonly finish_reason: string;
  readonly completion_tokens: number;
  readonly seconds: number;
}
const logged = (): LoggedAnswer[] =>
  readFileSync(at('used.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as LoggedAnswer);

test('lists the base and its adapter by the names of their folders', async () => {
  const names = (await server.client.models.list()).data.map(({ id }) => id);
  expect(names).toEqual(['sprig', 'voice']);
  expect(await server.client.models.retrieve('voice')).toMatchObject({ id: 'voice', object: 'model' });
  await expect(server.client.models.retrieve('oak')).rejects.toMatchObject({ status: 404 });
});

test('answers a hundred requests at once, one of them cut off, as graft generate does', async () => {
  expect(QUESTIONS).toHaveLength(100);
  const settings = { temperature: 0, max_completion_tokens: 24 };
  const of = (remainder: number): string[] => QUESTIONS.filter((_, i) => i % 2 === remainder);
  const [base, tuned] = [await generated(of(0)), await generated(of(1), '--adapter', at('voice'))];
  expect(await generated(of(0).slice(0, 3), '--adapter', at('voice'))).not.toEqual(base.slice(0, 3));
  const CUT = 50;
  const answers = await Promise.all(
    QUESTIONS.map(async (question, i) => {
      const model = i % 2 === 0 ? 'sprig' : 'voice';
      const asked = { model, messages: user(question), ...settings };
      if (i % 5 > 0) return (await server.client.chat.completions.create(asked)).choices[0].message.content;
      const stream = await server.client.chat.completions.create({ ...asked, stream: true });
      let text = '';
      for await (const { choices } of stream) {
        text += choices[0].delta.content ?? '';
        // Its client is gone.
        if (i === CUT && text !== '') return void stream.controller.abort();
      }
      return text;
    }),
  );
  const expected = QUESTIONS.map((_, i) => (i === CUT ? undefined : (i % 2 === 0 ? base : tuned)[i >> 1]));
  expect(answers).toEqual(expected);
  await expect.poll(server.log).toContain('client left');
  expect(server.log()).not.toContain(QUESTIONS[0]);
});

test('streams the pieces of the text that it gives whole, and then the usage', async () => {
  const asked = { model: 'sprig', messages: user('Who are you?'), temperature: 0 } as const;
  const whole = await server.client.chat.completions.create(asked);
  expect(whole.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } });
  const stream = await server.client.chat.completions.create({
    ...{ ...asked, stream: true, stream_options: { include_usage: true } },
  });
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(chunks[0].choices[0].delta).toEqual({ role: 'assistant', content: '' });
  const text = chunks.map(({ choices }) => choices.at(0)?.delta.content ?? '').join('');
  expect(text).toBe(whole.choices[0].message.content);
  expect(chunks.at(-2)!.choices[0].finish_reason).toBe('stop');
  expect(chunks.at(-1)).toMatchObject({
    choices: [],
    usage: { prompt_tokens: whole.usage!.prompt_tokens, completion_tokens: whole.usage!.completion_tokens },
  });
});

test('stops at texts, at the limit, and draws by the seed', async () => {
  const { completions } = server.client;
  const prompt = 'The owl';
  const ask = async (changes: object): Promise<OpenAI.Completion> =>
    completions.create({ model: 'sprig', prompt, temperature: 0, max_tokens: 12, ...changes, stream: false });
  const [plain] = (await ask({})).choices;
  expect(plain).toMatchObject({ finish_reason: 'length' });
  const cut = plain.text.slice(5, 8);
  const [stopped] = (await ask({ stop: ['unheard', cut], logprobs: 0 })).choices;
  expect(stopped).toMatchObject({
    finish_reason: 'stop',
    text: plain.text.slice(0, plain.text.indexOf(cut)),
  });
  expect(stopped.logprobs!.text_offset!.every((start) => start < stopped.text.length)).toBe(true);
  const drawn = async (seed: number): Promise<string[]> =>
    (await ask({ temperature: 1.5, seed, n: 2, prompt: [prompt, 'A rose'] })).choices.map(({ text }) => text);
  const first = await drawn(7);
  expect(first).toHaveLength(4);
  expect(first[0]).not.toBe(first[1]);
  expect(await drawn(7)).toEqual(first);
  expect(await drawn(8)).not.toEqual(first);
});

test('logs each answer to the file that was asked for, readable by its owner only', async () => {
  const before = logged().length;
  const { chat, completions } = server.client;
  const question = user('Who is the owl?');
  const { choices } = await chat.completions.create({ model: 'voice', messages: question, max_tokens: 5 });
  const both = await completions.create({ model: 'sprig', prompt: ['The owl', 'A rose'], max_tokens: 3 });
  const lines = logged().slice(before);
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatchObject({
    ...{ model: 'voice', messages: question, answer: choices[0].message.content },
    ...{ finish_reason: choices[0].finish_reason },
  });
  expect(lines.slice(1).map(({ prompt, answer }) => [prompt, answer])).toEqual([
    ['The owl', both.choices[0].text],
    ['A rose', both.choices[1].text],
  ]);
  for (const { time, seconds, completion_tokens: tokens } of lines) {
    expect(Math.abs(Date.now() - Date.parse(time))).toBeLessThan(3_600_000);
    expect(seconds).toBeGreaterThan(0);
    expect(tokens).toBeGreaterThan(0);
  }
  expect(statSync(at('used.jsonl')).mode & 0o777).toBe(0o600);
});

test('gives the logarithms of probabilities, which add up', async () => {
  const { choices } = await server.client.chat.completions.create({
    ...{ model: 'sprig', messages: user('What are you?'), temperature: 0 },
    ...{ max_completion_tokens: 6, logprobs: true, top_logprobs: 20 },
  });
  const tokens = choices[0].logprobs!.content!;
  expect(tokens.map(({ token }) => token).join('')).toBe(choices[0].message.content);
  for (const { token, bytes, logprob, top_logprobs: top } of tokens) {
    expect(top).toHaveLength(20);
    expect([top[0].token, top[0].logprob]).toEqual([token, logprob]);
    expect(new TextDecoder().decode(new Uint8Array(bytes!))).toBe(token);
    const sum = top.reduce((all, one) => all + Math.exp(one.logprob), 0);
    expect(sum).toBeGreaterThan(0.9);
    expect(sum).toBeLessThan(1 + 1e-5);
  }
});

test('writes JSON objects if a request asks for them, streamed, logged with probabilities, and as graft generate does', async () => {
  const { completions } = server.client.chat;
  const asked = {
    ...{ model: 'sprig', max_completion_tokens: 60 },
    response_format: { type: 'json_object' as const },
  };
  const question = 'Describe the owl as JSON';
  const { choices } = await completions.create({
    ...{ ...asked, messages: user(question), n: 12, seed: 3, temperature: 1.2, logprobs: true },
  });
  const ends = { stop: 0, length: 0 };
  for (const { finish_reason: end, message, logprobs } of choices) {
    const text = message.content!;
    if (end === 'stop') expect(JSON.parse(text)).toBeInstanceOf(Object);
    else expect(() => JSON.parse(text) as unknown).toThrow();
    ends[end as keyof typeof ends]++;
    expect(logprobs!.content!.map(({ token }) => token).join('')).toBe(text);
    for (const { logprob } of logprobs!.content!) expect(logprob).toBeLessThanOrEqual(0);
  }
  expect(ends.stop).toBeGreaterThan(0);
  expect(ends.stop + ends.length).toBe(choices.length);

  // Two models at once, and an answer of text among them.
  const streamed = async (model: string): Promise<string> => {
    const stream = await completions.create({
      ...{ ...asked, model, messages: user(question), temperature: 0, stream: true as const },
    });
    let text = '';
    for await (const { choices: parts } of stream) text += parts[0]?.delta.content ?? '';
    return text;
  };
  const text = { model: 'sprig', messages: user(QUESTIONS[0]), temperature: 0, max_completion_tokens: 24 };
  const [base, voice, other] = await Promise.all([
    streamed('sprig'),
    streamed('voice'),
    completions.create(text).then((answer) => answer.choices[0].message.content),
  ]);
  expect(JSON.parse(base)).toMatchObject({ animal: 'owl' });
  expect(voice).toMatch(/^\s*\{/);
  expect([other]).toEqual(await generated([QUESTIONS[0]]));
  expect([base]).toEqual(await generated([question], '--json-object'));
});

test('refuses in the shape that the client reads', async () => {
  const ask = async (changes: object, client = server.client): Promise<object> => {
    const asked = { model: 'sprig', messages: user('Hi'), ...changes, stream: false as const };
    const error: unknown = await client.chat.completions.create(asked).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof APIError)) throw new Error('It was not refused');
    return { status: error.status, code: error.code, message: error.message };
  };
  expect(await ask({ model: 'oak' })).toMatchObject({ status: 404, code: 'model_not_found' });
  expect(await ask({ max_tokens: 5000 })).toMatchObject({
    ...{ status: 400, code: 'context_length_exceeded' },
    message: expect.stringMatching(/maximum context length is 512 tokens.*requested 50\d\d tokens/) as string,
  });
  expect(await ask({ response_format: { type: 'json_schema' } })).toMatchObject({
    ...{ status: 400, code: 'unsupported_value' },
  });
  expect(await ask({ n: 128 }, server.client.withOptions({ apiKey: 'other' }))).toMatchObject({
    status: 401,
  });
  await expect(server.client.embeddings.create({ model: 'sprig', input: 'a' })).rejects.toMatchObject({
    ...{ status: 404, message: expect.stringContaining('sprig writes texts') as string },
  });
  const complete = (changes: object): Promise<unknown> =>
    server.client.completions.create({ model: 'sprig', prompt: 'Hi', ...changes });
  await expect(complete({ max_tokens: 5000 })).rejects.toMatchObject({ status: 400, param: 'prompt' });
  await expect(complete({ prompt: [1, 99_999_999] })).rejects.toMatchObject({
    ...{
      status: 400,
      param: 'prompt',
      message: expect.stringContaining('99999999 is not a token') as string,
    },
  });
});

test('an encoder gives the vectors of graft embed, and a full queue is refused', async () => {
  const model = referencePath('encoders', 'mean');
  const texts = ['The garden', 'An owl by night'];
  writeFileSync(at('texts.jsonl'), texts.map((text) => JSON.stringify({ text })).join('\n'));
  const out = at('vectors.safetensors');
  const call = ['--model', model, ...DEVICE_HERE, '--data', at('texts.jsonl'), '--out', out];
  const { code, err } = await graftHere(['embed', ...call]);
  expect(code, err).toBe(0);
  const entry = (await tensorsOf(out)).get('embeddings')!;
  const expected = toFloat32(await entry.read(), entry.dtype, 'embeddings');

  const encoder = await start(['--model', model, '--queue', '0']);
  const { embeddings } = encoder.client;
  const ask = async (changes: object = {}): Promise<OpenAI.CreateEmbeddingResponse> =>
    embeddings.create({ model: 'mean', input: texts, ...changes });
  // The client asks for base64 unless it is told otherwise.
  for (const changes of [{}, { encoding_format: 'float' }]) {
    const { data, usage } = await ask(changes);
    expect(data.flatMap(({ embedding }) => embedding)).toEqual([...expected]);
    expect(usage.prompt_tokens).toBeGreaterThan(4);
  }
  await expect(ask({ input: 'owl '.repeat(500) })).rejects.toMatchObject({
    ...{ status: 400, code: 'context_length_exceeded' },
  });
  await expect(
    encoder.client.chat.completions.create({ model: 'mean', messages: user('Hi') }),
  ).rejects.toMatchObject({ status: 404, message: expect.stringContaining('mean is an encoder') as string });
  const many = await Promise.allSettled(Array.from({ length: 12 }, () => ask()));
  const refused = many.flatMap((one) => (one.status === 'rejected' ? [one.reason as APIError] : []));
  expect(refused.length).toBeLessThan(12);
  expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 429));
  const ended = await encoder.stop();
  expect(ended.code, ended.err).toBe(0);
});

test('refuses a call that cannot be served in one sentence', async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { code, err } = await graftHere(['serve', '--model', SPRIG, ...args]);
    expect(code).toBe(2);
    return err;
  };
  expect(await refused('--adapter', '/elsewhere/sprig')).toContain('Two of the folders are called sprig');
  expect(await refused('--port', '70000')).toContain('--port is 70000');
  expect(await refused('--queue', 'many')).toContain('--queue is "many"');
  expect(await refused('--origin', 'localhost')).toContain('is not an origin');
  expect(await refused('--context', '513', ...DEVICE_HERE)).toContain('at most 512');
  expect(await refused('--prefix', 'query: ')).toContain('--prefix is for encoders');
});
