/** Bodies of requests in OpenAI's format (https://platform.openai.com/docs/api-reference): what is read, and what is refused by name. */
import * as v from 'valibot';
import { MAX_CANDIDATES } from '../engine/ops/sampling.ts';
import { BadRow } from '../data/formats/row.ts';
import { callsOf, toolsOf } from '../data/formats/tools.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { ChatMessage } from '../text/chat-template.ts';
import { RequestError } from './serve-errors.ts';

const MAX_STOPS = 4;
/** Choices of a request, and texts of one. */
const MAX_CHOICES = 128;
const MAX_TEXTS = 2048;
const MAX_TOOLS = 128;
/** As OpenAI's completions have it; a conversation's answer may fill the window. */
const COMPLETION_TOKENS = 16;

const between = (min: number, max: number) => {
  const expected = `Expected a number from ${min} to ${max}`;
  return v.pipe(v.number(expected), v.minValue(min, expected), v.maxValue(max, expected));
};
const whole = (min: number, max: number) => {
  const expected =
    max === Number.MAX_SAFE_INTEGER
      ? `Expected a whole number of at least ${min}`
      : `Expected a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(expected),
    v.safeInteger(expected),
    v.minValue(min, expected),
    v.maxValue(max, expected),
  );
};
const count = whole(1, Number.MAX_SAFE_INTEGER);
const flag = v.boolean('Expected true or false');
const SEED = 'Expected a whole number between -2^53 and 2^53';

/** A field that may only have the value by which it does nothing. */
const only = (isIdle: (value: unknown) => boolean, why: string) => v.optional(v.custom<unknown>(isIdle, why));
const text = v.pipe(v.string(), v.nonEmpty('Expected a text that is not empty'));
const isEmpty = (value: unknown): boolean =>
  (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);
/** A field for the maker of the request, which changes no answer. */
const unread = v.optional(v.unknown());

const NO_FUNCTIONS = 'functions are the earlier form of tools: give tools';
const NO_CHOICE =
  'Only auto and none are supported: a model that was not made to call a tool would write one badly';
const NO_PENALTY = 'Only 0 is supported; repetition_penalty makes repeated tokens less likely';

const SHARED = {
  model: v.string('Expected the name of a model'),
  temperature: v.optional(between(0, 2), 1),
  top_p: v.optional(between(0, 1), 1),
  top_k: v.optional(whole(0, Number.MAX_SAFE_INTEGER), 0),
  min_p: v.optional(between(0, 1), 0),
  repetition_penalty: v.optional(between(0.01, 1e6), 1),
  max_tokens: v.optional(count),
  n: v.optional(whole(1, MAX_CHOICES), 1),
  seed: v.optional(v.pipe(v.number(SEED), v.safeInteger(SEED))),
  stop: v.optional(
    v.union([text, v.pipe(v.array(text), v.maxLength(MAX_STOPS, `Expected at most ${MAX_STOPS} texts`))]),
    [],
  ),
  stream: v.optional(flag, false),
  stream_options: v.optional(
    v.strictObject({
      include_usage: v.optional(flag, false),
      include_obfuscation: only((value) => value === false, 'This server pads no events'),
    }),
  ),
  frequency_penalty: only((value) => value === 0, NO_PENALTY),
  presence_penalty: only((value) => value === 0, NO_PENALTY),
  logit_bias: only(isEmpty, 'Only an empty one is supported'),
  user: unread,
};

const Content = v.union(
  [
    v.string(),
    v.pipe(
      v.array(v.looseObject({ type: v.literal('text'), text: v.string() })),
      v.transform((parts) => parts.map((part) => part.text).join('')),
    ),
  ],
  'Expected a text, or a list of parts of type text',
);

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'] as const;

/** Clients send null for what a message does not have. */
const Message = v.pipe(
  v.looseObject({
    role: v.picklist(ROLES, `Expected one of ${ROLES.join(', ')}`),
    content: v.nullish(Content),
    name: v.nullish(v.string()),
    tool_calls: v.nullish(v.array(v.unknown())),
    tool_call_id: v.nullish(v.string()),
  }),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }): ChatMessage => {
    const { role, content, name, tool_call_id, ...message } = value;
    try {
      const calls = callsOf(message, 'the message');
      if (calls ? role === 'assistant' : typeof content === 'string')
        return {
          role: role === 'developer' ? 'system' : role,
          content: content ?? '',
          ...(calls && { tool_calls: calls }),
          ...(role === 'tool' && typeof name === 'string' && { name }),
          ...(role === 'tool' && typeof tool_call_id === 'string' && { tool_call_id }),
        };
      addIssue({
        message: calls ? 'Only an assistant calls tools' : 'Expected a text, or a list of parts of type text',
      });
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      addIssue({ message: error.message });
    }
    return NEVER;
  }),
);

/** Definitions of tools as chat templates read them. */
const Tools = v.pipe(
  v.array(v.unknown()),
  v.maxLength(MAX_TOOLS, `Expected at most ${MAX_TOOLS} tools`),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }): readonly JsonObject[] => {
    try {
      const tools = toolsOf(value) ?? [];
      const other = tools.find(({ type }) => type !== 'function');
      if (!other) return tools;
      addIssue({ message: 'Only tools of the type function are supported' });
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      addIssue({ message: error.message });
    }
    return NEVER;
  }),
);

const NO_MESSAGES = 'Expected a list of at least one message';

const FORMATS = ['text', 'json_object'];
const NO_SCHEMA =
  'Only text and json_object are supported. Describe the schema in the prompt, ask for json_object, and check the answer';

const Format = v.pipe(
  v.custom<{ readonly type: string }>(
    (value) => isObject(value) && FORMATS.some((format) => value.type === format),
    NO_SCHEMA,
  ),
  v.transform(({ type }) => type === 'json_object'),
);

const Chat = v.strictObject({
  ...SHARED,
  messages: v.pipe(v.array(Message, NO_MESSAGES), v.nonEmpty(NO_MESSAGES)),
  max_completion_tokens: v.optional(count),
  logprobs: v.optional(flag, false),
  top_logprobs: v.optional(whole(0, MAX_CANDIDATES)),
  response_format: v.optional(Format),
  tools: v.optional(Tools, []),
  tool_choice: v.optional(v.picklist(['none', 'auto'], NO_CHOICE), 'auto'),
  parallel_tool_calls: v.optional(flag, true),
  functions: only(isEmpty, NO_FUNCTIONS),
  modalities: only(
    (value) => Array.isArray(value) && value.length === 1 && value[0] === 'text',
    'Only text is supported',
  ),
  ...{ metadata: unread, prompt_cache_key: unread },
  ...{ safety_identifier: unread, service_tier: unread },
  store: only((value) => value === false, 'This server keeps no answers'),
});

const Ids = v.array(whole(0, 2 ** 32 - 1));
const NO_IDS = 'Expected a list of token ids that is not empty';
const MANY_TEXTS = `Expected at most ${MAX_TEXTS} texts`;
const Texts = v.union(
  [
    v.string(),
    v.pipe(v.array(v.string()), v.nonEmpty(NO_IDS), v.maxLength(MAX_TEXTS, MANY_TEXTS)),
    v.pipe(Ids, v.nonEmpty(NO_IDS)),
    v.pipe(v.array(v.pipe(Ids, v.nonEmpty(NO_IDS))), v.nonEmpty(NO_IDS), v.maxLength(MAX_TEXTS, MANY_TEXTS)),
  ],
  'Expected a text, a list of texts, a list of token ids, or a list of such lists',
);

const Completion = v.strictObject({
  ...SHARED,
  prompt: Texts,
  logprobs: v.optional(whole(0, MAX_CANDIDATES)),
  echo: only((value) => value === false, 'This server does not repeat the prompt'),
  suffix: only((value) => value === '', 'This server only continues texts'),
  best_of: only((value) => value === 1, 'Only 1 is supported'),
});

const Embedding = v.strictObject({
  model: v.string('Expected the name of a model'),
  input: Texts,
  encoding_format: v.optional(v.picklist(['float', 'base64'], 'Expected float or base64'), 'float'),
  dimensions: v.optional(count),
  user: unread,
});

/** How the answers to a request are made, whatever it is. */
export interface AnswerSettings {
  readonly model: string;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  /** Undefined: what the window leaves. */
  readonly maxTokens: number | undefined;
  /** Answers to each prompt. */
  readonly n: number;
  readonly seed: number | undefined;
  readonly stops: readonly string[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** How many of the most likely tokens are listed with each token; undefined: no probabilities. */
  readonly logprobs: number | undefined;
  /** Whether each answer is a JSON object. */
  readonly isJson: boolean;
}

export interface ChatRequest extends AnswerSettings {
  readonly messages: readonly ChatMessage[];
  /** Tools that the answer may call; none if the request says that it may not. */
  readonly tools: readonly JsonObject[];
  /** Whether one answer may have several calls. */
  readonly isParallel: boolean;
}

/** A text, or the ids of its tokens. */
export type TextOrIds = string | readonly number[];

export interface CompletionRequest extends AnswerSettings {
  readonly prompts: readonly TextOrIds[];
}

export interface EmbeddingRequest {
  readonly model: string;
  readonly input: readonly TextOrIds[];
  readonly isBase64: boolean;
  readonly dimensions: number | undefined;
}

/** @throws RequestError 400 that names the field */
export function readChat(body: unknown): ChatRequest {
  const request = read(Chat, body);
  const { messages, max_completion_tokens, logprobs, top_logprobs, response_format, ...rest } = request;
  const tools = request.tool_choice === 'none' ? [] : request.tools;
  if (tools.length > 0 && response_format)
    throw wrongField(
      'response_format',
      'An answer that is a JSON object calls no tools: leave one of them out',
    );
  if (top_logprobs !== undefined && !logprobs)
    throw wrongField('top_logprobs', 'It needs logprobs to be true');
  return {
    ...settingsOf(rest),
    messages: withNames(messages),
    ...{ tools, isParallel: request.parallel_tool_calls },
    maxTokens: max_completion_tokens ?? rest.max_tokens,
    logprobs: logprobs ? (top_logprobs ?? 0) : undefined,
    isJson: response_format ?? false,
  };
}

/** @throws RequestError 400 that names the field */
export function readCompletion(body: unknown): CompletionRequest {
  const { prompt, logprobs, ...rest } = read(Completion, body);
  return {
    ...settingsOf(rest),
    prompts: listOf(prompt),
    maxTokens: rest.max_tokens ?? COMPLETION_TOKENS,
    logprobs,
    isJson: false,
  };
}

/** @throws RequestError 400 that names the field */
export function readEmbedding(body: unknown): EmbeddingRequest {
  const { model, input, encoding_format, dimensions } = read(Embedding, body);
  return { model, input: listOf(input), isBase64: encoding_format === 'base64', dimensions };
}

/** Templates may ask for the name of the tool that answers; OpenAI's messages have only the id of the call. */
function withNames(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const names = new Map(
    messages.flatMap(({ tool_calls: calls = [] }) =>
      calls.flatMap(({ id, function: { name } }) => (id === undefined ? [] : [[id, name] as const])),
    ),
  );
  return messages.map((message) => {
    const name = message.name ?? names.get(message.tool_call_id ?? '');
    return message.role === 'tool' && name !== undefined ? { ...message, name } : message;
  });
}

function settingsOf(
  given: Omit<v.InferOutput<typeof Completion>, 'prompt' | 'logprobs'>,
): Omit<AnswerSettings, 'maxTokens' | 'logprobs' | 'isJson'> {
  if (given.stream_options && !given.stream) throw wrongField('stream_options', 'It needs stream to be true');
  return {
    model: given.model,
    // As OpenAI has it, a share of 0 leaves the most likely token only.
    temperature: given.top_p === 0 ? 0 : given.temperature,
    topP: given.top_p === 0 ? 1 : given.top_p,
    topK: given.top_k,
    minP: given.min_p,
    repetitionPenalty: given.repetition_penalty,
    n: given.n,
    seed: given.seed,
    stops: typeof given.stop === 'string' ? [given.stop] : given.stop,
    stream: given.stream,
    includeUsage: given.stream_options?.include_usage ?? false,
  };
}

function listOf(texts: v.InferOutput<typeof Texts>): readonly TextOrIds[] {
  if (typeof texts === 'string') return [texts];
  const isIds = (list: readonly (TextOrIds | number)[]): list is readonly number[] =>
    typeof list[0] === 'number';
  return isIds(texts) ? [texts] : texts;
}

function read<Schema extends v.GenericSchema>(schema: Schema, body: unknown): v.InferOutput<Schema> {
  if (!isObject(body)) throw new RequestError(400, 'The body is not a JSON object.');
  // Clients send null for what they leave out.
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  const parsed = v.safeParse(schema, given);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const param = issue.path?.map(({ key }) => String(key)).join('.') ?? '';
  if (issue.type === 'strict_object' && issue.expected === 'never')
    throw new RequestError(400, `Unrecognized request argument supplied: ${param}`, {
      param,
      code: 'unknown_parameter',
    });
  if (issue.received === 'undefined')
    throw new RequestError(400, `Missing required parameter: '${param}'.`, {
      param,
      code: 'missing_required_parameter',
    });
  throw wrongField(param, issue.message, issue.type === 'custom' ? 'unsupported_value' : 'invalid_value');
}

function wrongField(param: string, why: string, code = 'invalid_value'): RequestError {
  return new RequestError(400, `Invalid value for '${param}': ${why}.`, { param, code });
}
