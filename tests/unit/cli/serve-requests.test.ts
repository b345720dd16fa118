/** Requests in OpenAI's format: what is read from a body, and what is refused by name. */
import { expect, test } from 'vitest';
import { RequestError } from '../../../src/cli/serve-errors.ts';
import { readChat, readCompletion, readEmbedding } from '../../../src/cli/serve-requests.ts';

const messages = [{ role: 'user', content: 'Hi' }];
const chat = (changes: object = {}): object => ({ model: 'm', messages, ...changes });

function refusal(action: () => unknown): object {
  try {
    action();
  } catch (error) {
    if (error instanceof RequestError) return { status: error.status, ...error.body };
    throw error;
  }
  throw new Error('Nothing was refused');
}

test('fills in what a request leaves out as OpenAI does', () => {
  expect(readChat(chat({ seed: null, stop: null }))).toEqual({
    ...{ model: 'm', messages, temperature: 1, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1 },
    ...{ maxTokens: undefined, n: 1, seed: undefined, stops: [], stream: false, includeUsage: false },
    ...{ logprobs: undefined, isJson: false, tools: [], isParallel: true },
  });
  expect(readCompletion({ model: 'm', prompt: 'a' })).toMatchObject({ prompts: ['a'], maxTokens: 16 });
});

test('reads settings, and prefers the newer name of the limit', () => {
  const asked = {
    ...{ temperature: 0.3, top_p: 0.9, top_k: 5, min_p: 0.1, repetition_penalty: 1.2, n: 2, seed: -4 },
    ...{ max_tokens: 3, max_completion_tokens: 7, stop: '\n', stream: true, logprobs: true, top_logprobs: 4 },
    stream_options: { include_usage: true },
  };
  expect(readChat(chat(asked))).toMatchObject({
    ...{ temperature: 0.3, topP: 0.9, topK: 5, minP: 0.1, repetitionPenalty: 1.2, n: 2, seed: -4 },
    ...{ maxTokens: 7, stops: ['\n'], stream: true, logprobs: 4, includeUsage: true },
  });
  expect(readChat(chat({ stop: ['a', 'b'] })).stops).toEqual(['a', 'b']);
});

test('reads that an answer has to be a JSON object', () => {
  expect(readChat(chat({ response_format: { type: 'json_object' } })).isJson).toBe(true);
  expect(readChat(chat({ response_format: { type: 'text' } })).isJson).toBe(false);
});

test('takes a share of 0 for the most likely token', () => {
  expect(readChat(chat({ top_p: 0, temperature: 1.5 }))).toMatchObject({ temperature: 0, topP: 1 });
});

test('reads calls and answers of tools as chat templates do', () => {
  const call = { id: 'c1', type: 'function', function: { name: 'warm', arguments: '{"place":"Oslo"}' } };
  const tool = { type: 'function', function: { name: 'warm', parameters: {} } };
  const read = readChat(
    chat({
      messages: [
        ...messages,
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c1', content: '7' },
      ],
      ...{ tools: [tool], parallel_tool_calls: false },
    }),
  );
  expect(read).toMatchObject({ tools: [tool], isParallel: false });
  expect(read.messages.slice(1)).toEqual([
    {
      ...{ role: 'assistant', content: '' },
      tool_calls: [{ ...call, function: { name: 'warm', arguments: { place: 'Oslo' } } }],
    },
    { role: 'tool', content: '7', tool_call_id: 'c1', name: 'warm' },
  ]);
  expect(readChat(chat({ tools: [tool], tool_choice: 'none' })).tools).toEqual([]);
});

test('joins parts of text, and takes developer for system', () => {
  const content = [
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
  ];
  expect(readChat(chat({ messages: [{ role: 'developer', content }] })).messages).toEqual([
    { role: 'system', content: 'ab' },
  ]);
});

test('reads a text, texts, ids and lists of ids', () => {
  const prompts = (prompt: unknown): unknown => readCompletion({ model: 'm', prompt }).prompts;
  expect(prompts('a')).toEqual(['a']);
  expect(prompts(['a', 'b'])).toEqual(['a', 'b']);
  expect(prompts([1, 2])).toEqual([[1, 2]]);
  expect(prompts([[1], [2, 3]])).toEqual([[1], [2, 3]]);
  expect(readEmbedding({ model: 'm', input: 'a', encoding_format: 'base64' })).toEqual({
    ...{ model: 'm', input: ['a'], isBase64: true, dimensions: undefined },
  });
});

test('accepts fields at the value by which they do nothing', () => {
  readChat(
    chat({
      ...{ tools: [], tool_choice: 'none', logit_bias: {}, frequency_penalty: 0, presence_penalty: 0 },
      ...{ response_format: { type: 'text' }, user: 'me', metadata: { a: 'b' }, store: false },
    }),
  );
});

test.each([
  [{ response_format: { type: 'json_schema' } }, 'response_format', 'unsupported_value', 'Only text'],
  [{ response_format: 'json_object' }, 'response_format', 'unsupported_value', 'Only text'],
  [{ tools: [{ type: 'function' }] }, 'tools', 'invalid_value', 'has no name'],
  [{ tool_choice: 'required' }, 'tool_choice', 'invalid_value', 'Only auto and none'],
  [{ functions: [{ name: 'a' }] }, 'functions', 'unsupported_value', 'give tools'],
  [{ frequency_penalty: 0.5 }, 'frequency_penalty', 'unsupported_value', 'Only 0'],
  [{ logit_bias: { 5: 1 } }, 'logit_bias', 'unsupported_value', 'empty'],
  [{ temperature: 2.1 }, 'temperature', 'invalid_value', "'temperature': Expected a number from 0 to 2."],
  [{ top_p: -0.1 }, 'top_p', 'invalid_value', "'top_p': Expected a number from 0 to 1."],
  [{ n: 1.5 }, 'n', 'invalid_value', "'n': Expected a whole number from 1 to 128."],
  [{ n: 129 }, 'n', 'invalid_value', "'n': Expected a whole number from 1 to 128."],
  [{ max_tokens: 0 }, 'max_tokens', 'invalid_value', "'max_tokens': Expected a whole number of at least 1."],
  [{ seed: 2 ** 53 }, 'seed', 'invalid_value', "'seed': Expected a whole number between -2^53 and 2^53."],
  [{ stop: [''] }, 'stop.0', 'invalid_value', 'not empty'],
  [{ stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop', 'invalid_value', 'at most 4'],
  [{ stream: 'yes' }, 'stream', 'invalid_value', "'stream': Expected true or false."],
  [
    { stream: true, stream_options: { include_obfuscation: true } },
    'stream_options.include_obfuscation',
    'unsupported_value',
    'pads no events',
  ],
  [{ top_logprobs: 2 }, 'top_logprobs', 'invalid_value', 'logprobs'],
  [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs', 'invalid_value', '20'],
  [{ stream_options: {} }, 'stream_options', 'invalid_value', 'stream'],
  [{ messages: [] }, 'messages', 'invalid_value', 'at least one'],
  [{ messages: 'Hi' }, 'messages', 'invalid_value', "'messages': Expected a list of at least one message."],
  [{ messages: [{ role: 'function', content: 'a' }] }, 'messages.0.role', 'invalid_value', 'assistant'],
  [{ messages: [{ role: 'tool' }] }, 'messages.0', 'invalid_value', 'Expected a text'],
  [
    { messages: [{ role: 'user', tool_calls: [{ function: { name: 'a' } }] }] },
    'messages.0',
    'invalid_value',
    'Only an assistant',
  ],
  [
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] },
    'messages.0.content',
    'invalid_value',
    'type text',
  ],
  [{ surprise: 1 }, 'surprise', 'unknown_parameter', 'Unrecognized'],
  [{ model: undefined }, 'model', 'missing_required_parameter', 'Missing'],
])('refuses %j', (changes, param, code, words) => {
  expect(refusal(() => readChat(chat(changes)))).toEqual({
    status: 400,
    error: { message: expect.stringContaining(words) as string, type: 'invalid_request_error', param, code },
  });
});

test.each([5, [], [[]], ['a', 1], [-1], null])('refuses %j as a prompt', (prompt) => {
  expect(refusal(() => readCompletion({ model: 'm', prompt }))).toMatchObject({
    status: 400,
    error: { param: expect.stringMatching(/^prompt/) as string },
  });
});

test('says what a list of texts or ids may be', () => {
  const words = (prompt: unknown): string =>
    JSON.stringify(refusal(() => readCompletion({ model: 'm', prompt })));
  expect(words([[]])).toContain('Expected a list of token ids that is not empty.');
  expect(words(Array.from({ length: 2049 }, () => 'a'))).toContain('Expected at most 2048 texts.');
});

test('refuses a body that is not an object', () => {
  for (const body of [null, [], 'a', 5]) expect(refusal(() => readChat(body))).toMatchObject({ status: 400 });
});
