/** Chats and completions of `graft serve`: the answers of one batch to many requests, in OpenAI's shapes. */
import { randomInt, randomUUID } from 'node:crypto';
import type { Adapter } from '../adapters/adapter.ts';
import { promptOfConversation, promptOfText, StoppableText } from '../evaluate/answer.ts';
import type { BatchResult } from '../model/batch-places.ts';
import type { ContinuousBatch } from '../model/continuous-batch.ts';
import type { Candidate } from '../model/sampling.ts';
import { roomFor } from '../model/virtual-tokens.ts';
import { isObject, type JsonObject } from '../json.ts';
import { jsonTokensOf } from '../text/json-tokens.ts';
import { CallReader, callFormOf, readCalls, type CallForm, type WrittenCall } from '../text/tool-calls.ts';
import { textOfToken } from '../text/token-text.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { RequestError } from './serve-errors.ts';
import {
  CHAT,
  COMPLETION,
  type Choice,
  type LoggedToken,
  type AnswerPiece,
  type ServedCall,
  type Shape,
} from './serve-shapes.ts';
import type { Reply } from './serve-http.ts';
import type { ServeQueue } from './serve-queue.ts';
import { readChat, readCompletion, type AnswerSettings } from './serve-requests.ts';

/** The base or an adapter, under the name that requests use. */
export interface TextModel {
  readonly name: string;
  readonly adapter: Adapter | undefined;
  readonly tokenizer: Tokenizer;
  /** The text after a question if there is no chat template. */
  readonly after: string;
}

type Asking = { readonly messages: unknown } | { readonly prompt: unknown };

/** A request and its answers, for a log that a person switched on. */
export interface ServedAnswers {
  /** Milliseconds since 1970 when the request came. */
  readonly time: number;
  readonly seconds: number;
  readonly model: string;
  readonly answers: readonly {
    /** The request's messages, or the prompt of this answer. */
    readonly asked: Asking;
    readonly text: string;
    readonly finish: Choice['finish'];
    readonly promptTokens: number;
    readonly newTokens: number;
  }[];
}

interface Asked {
  readonly signal: AbortSignal;
  readonly note: (text: string) => void;
}

/** Below this, the logarithm of a probability is of no use, and JSON has no infinity. */
const MIN_LOG = -9999;
/** Between the seeds of the answers to one request: as between the sequences of a generation. */
const SEED_STEP = 1_000_003;

export class TextService {
  readonly #models: ReadonlyMap<string, TextModel>;
  readonly #callForms = new Map<Tokenizer, CallForm>();

  constructor(
    private readonly batch: ContinuousBatch,
    models: readonly TextModel[],
    private readonly queue: ServeQueue,
    private readonly keep?: (served: ServedAnswers) => void,
  ) {
    this.#models = new Map(models.map((model) => [model.name, model]));
  }

  /** POST /v1/chat/completions. @throws RequestError, GraftError of the chat template */
  async chat(body: unknown, asked: Asked): Promise<Reply> {
    const request = readChat(body);
    const model = this.#model(request.model);
    const { tools, messages } = request;
    const callForm = tools.length > 0 ? this.#callForm(model) : undefined;
    const ids = promptOfConversation(model.tokenizer, messages, model.after, callForm && tools);
    return this.#answer(CHAT, request, model, [ids], {
      ...{ ...asked, of: [{ messages }] },
      ...(callForm && { tools: { form: callForm, names: namesOf(tools), isParallel: request.isParallel } }),
    });
  }

  /** POST /v1/completions. @throws RequestError */
  async complete(body: unknown, asked: Asked): Promise<Reply> {
    const request = readCompletion(body);
    const model = this.#model(request.model);
    const prompts = request.prompts.map((prompt) =>
      typeof prompt === 'string' ? promptOfText(model.tokenizer, prompt) : this.#known(prompt, model),
    );
    return this.#answer(COMPLETION, request, model, prompts, {
      ...asked,
      of: request.prompts.map((prompt) => ({ prompt })),
    });
  }

  /** How a model writes calls. @throws RequestError 400 if its template has no place for tools, or its calls cannot be read */
  #callForm({ name, tokenizer }: TextModel): CallForm {
    const known = this.#callForms.get(tokenizer);
    const form = known ?? callFormOf(tokenizer);
    if (!form)
      throw new RequestError(
        400,
        `Invalid value for 'tools': the chat template of ${name} writes no tools, or calls in a form that this server cannot read.`,
        { param: 'tools', code: 'unsupported_value' },
      );
    this.#callForms.set(tokenizer, form);
    return form;
  }

  #model(name: string): TextModel {
    const model = this.#models.get(name);
    if (!model) throw unknownModel(name);
    return model;
  }

  async #answer(
    shape: Shape,
    request: AnswerSettings,
    model: TextModel,
    prompts: readonly (readonly number[])[],
    { signal, note, of, tools }: Asked & { readonly of: readonly Asking[]; readonly tools?: AskedTools },
  ): Promise<Reply> {
    const [time, started] = [Date.now(), performance.now()];
    for (const { length } of prompts) this.#checkLength(shape.asks, length, request.maxTokens, model);
    // Refused before a stream starts.
    if (request.isJson) jsonTokensOf(model.tokenizer, model.name);
    note(model.name);
    const leave = this.queue.enter(prompts.length * request.n);
    const head = {
      id: `${shape.id}-${randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model: model.name,
    };
    const seed = request.seed ?? randomInt(2 ** 32);
    const promptTokens = prompts.reduce((sum, { length }) => sum + length, 0);
    const run = async (onPiece?: (index: number, piece: AnswerPiece) => void): Promise<Choice[]> => {
      const ending = new AbortController();
      try {
        const choices = prompts.flatMap((prompt, at) =>
          Array.from({ length: request.n }, (_, i) => {
            const index = at * request.n + i;
            return this.#choose(prompt, model, request, {
              seed: seed + index * SEED_STEP,
              signal: AbortSignal.any([signal, ending.signal]),
              onPiece: (piece) => onPiece?.(index, piece),
              tools,
            });
          }),
        );
        const all = await Promise.all(choices);
        this.keep?.({
          ...{ time, seconds: (performance.now() - started) / 1000, model: model.name },
          answers: all.map(({ text, finish, newTokens }, index) => ({
            ...{ text, finish, newTokens },
            asked: of[Math.floor(index / request.n)],
            promptTokens: prompts[Math.floor(index / request.n)].length,
          })),
        });
        return all;
      } finally {
        // If one fails, the others have nobody who reads them.
        ending.abort();
        leave();
      }
    };
    const usageOf = (choices: readonly Choice[]): object => {
      const sum = (of: (choice: Choice, at: number) => number): number =>
        choices.reduce((all, one, at) => all + of(one, at), 0);
      const newTokens = sum(({ newTokens: own }) => own);
      note(`${promptTokens} + ${newTokens} tokens`);
      return {
        prompt_tokens: promptTokens,
        completion_tokens: newTokens,
        total_tokens: promptTokens + newTokens,
        prompt_tokens_details: {
          // The answers to one prompt count it once.
          cached_tokens: sum(({ cachedTokens }, at) => (at % request.n === 0 ? cachedTokens : 0)),
        },
      };
    };
    const logged = request.logprobs !== undefined;

    if (!request.stream) {
      const choices = await run();
      return {
        json: {
          ...head,
          object: shape.object,
          choices: choices.map((choice, index) => ({
            index,
            ...shape.whole(choice, logged),
            finish_reason: choice.finish,
          })),
          usage: usageOf(choices),
        },
      };
    }
    return {
      stream: async (send) => {
        const event = (choices: readonly object[], usage: object | null = null): void =>
          send({ ...head, object: shape.chunk, choices, ...(request.includeUsage && { usage }) });
        if (shape.opening)
          for (let index = 0; index < prompts.length * request.n; index++)
            event([{ index, ...shape.opening, finish_reason: null }]);
        const choices = await run((index, piece) =>
          event([{ index, ...shape.part(piece, logged), finish_reason: null }]),
        );
        choices.forEach(({ calls, finish }, index) => {
          if (calls.length > 0) event([{ index, ...shape.called(calls), finish_reason: null }]);
          event([{ index, ...shape.closing, finish_reason: finish }]);
        });
        const usage = usageOf(choices);
        if (request.includeUsage) event([], usage);
      },
    };
  }

  /** Ids of a request. @throws RequestError 400 for one that is not a token of the model */
  #known(ids: readonly number[], { name, adapter }: TextModel): readonly number[] {
    const vocabulary = this.batch.model.vocabularyWith(adapter);
    const other = ids.find((id) => id >= vocabulary);
    if (other === undefined) return ids;
    throw new RequestError(
      400,
      `Invalid value for 'prompt': ${other} is not a token of ${name}, whose ids end at ${vocabulary - 1}.`,
      { param: 'prompt', code: 'invalid_value' },
    );
  }

  /** @param param the field of the prompt @throws RequestError 400 in OpenAI's words */
  #checkLength(
    param: Shape['asks'],
    prompt: number,
    maxTokens: number | undefined,
    { adapter }: TextModel,
  ): void {
    const window = roomFor(this.batch.maxLength, adapter);
    if (prompt === 0) throw new RequestError(400, 'The prompt has no tokens.', { param });
    const wanted = maxTokens ?? 1;
    if (prompt + wanted <= window) return;
    const asked =
      maxTokens === undefined
        ? `your messages resulted in ${prompt} tokens`
        : `you requested ${prompt + wanted} tokens (${prompt} in the prompt, ${wanted} in the completion)`;
    throw new RequestError(
      400,
      `This model's maximum context length is ${window} tokens. However, ${asked}. Please reduce the length of the prompt or the completion.`,
      { param, code: 'context_length_exceeded' },
    );
  }

  /** One answer. Text comes as soon as no stop string can start in it. */
  async #choose(
    prompt: readonly number[],
    { name, tokenizer, adapter }: TextModel,
    { temperature, topP, topK, minP, repetitionPenalty, maxTokens, stops, logprobs, isJson }: AnswerSettings,
    own: {
      seed: number;
      signal: AbortSignal;
      onPiece: (piece: AnswerPiece) => void;
      tools: AskedTools | undefined;
    },
  ): Promise<Choice> {
    const stream = new StoppableText(tokenizer, prompt, stops);
    const reader = own.tools && new CallReader(own.tools.form, own.tools.names);
    const tokens: LoggedToken[] = [];
    let given = 0;
    let before = prompt.at(-1);
    const give = (text: string, isLast: boolean): void => {
      // Tokens of a stop string are no part of the answer.
      const certain = isLast && !stream.stopped ? Infinity : stream.text.length;
      const from = given;
      while (given < tokens.length && tokens[given].start < certain) given++;
      const certainText = reader ? reader.push(text) : text;
      if (certainText !== '' || given > from)
        own.onPiece({ text: certainText, tokens: tokens.slice(from, given) });
    };
    const log = (id: number, logProbability: number): Omit<LoggedToken, 'top' | 'start'> => {
      const text = textOfToken(id, before, tokenizer);
      const isPart = !tokenizer.isSpecial(id) && tokenizer.decode([id]).includes('\uFFFD');
      return {
        text,
        bytes: isPart ? null : [...new TextEncoder().encode(text)],
        logProbability: Math.max(MIN_LOG, logProbability),
      };
    };
    const result: BatchResult = await this.batch.generate({
      ...{ prompt, adapter, seed: own.seed, signal: own.signal, stopIds: tokenizer.eosIds },
      maxNewTokens: maxTokens ?? Infinity,
      sampling: { temperature, topP, topK, minP, repetitionPenalty },
      candidates: logprobs === undefined ? 0 : Math.max(1, logprobs),
      ...(isJson && { constraint: jsonTokensOf(tokenizer, name).begin() }),
      onToken(id, candidates: readonly Candidate[], logProbability) {
        if (logprobs !== undefined && logProbability !== undefined)
          tokens.push({
            ...log(id, logProbability),
            top: candidates.slice(0, logprobs).map((one) => log(one.id, Math.log(one.probability))),
            start: stream.length,
          });
        before = id;
        give(stream.push(id), false);
        return stream.stopped;
      },
    });
    if (result.reason === 'aborted') throw new RequestError(499, 'The request was cancelled.');
    give(stream.end(), true);
    const rest = reader?.end();
    if (rest && rest.content !== '') own.onPiece({ text: rest.content, tokens: [] });
    const read = own.tools && readCalls(stream.text, own.tools.form, own.tools.names);
    const calls = (read?.calls ?? [])
      .slice(0, own.tools?.isParallel === false ? 1 : undefined)
      .map(servedCall);
    const end = stream.stopped || result.reason === 'stop' ? 'stop' : 'length';
    return {
      ...{ text: stream.text, content: read?.content ?? stream.text, calls },
      tokens: tokens.slice(0, given),
      finish: calls.length > 0 && end === 'stop' ? 'tool_calls' : end,
      newTokens: result.ids.length,
      cachedTokens: result.cachedTokens,
    };
  }
}

/** The tools of a request. */
interface AskedTools {
  readonly form: CallForm;
  readonly names: ReadonlySet<string>;
  readonly isParallel: boolean;
}

function namesOf(tools: readonly JsonObject[]): ReadonlySet<string> {
  return new Set(
    tools.flatMap(({ function: own }) =>
      isObject(own) && typeof own['name'] === 'string' ? [own['name']] : [],
    ),
  );
}

/** Letters and digits of an id: the only form that Mistral's templates take back. */
const ID_CHARS = 9;

function servedCall({ name, arguments: given }: WrittenCall): ServedCall {
  return {
    id: randomUUID().replaceAll('-', '').slice(0, ID_CHARS),
    type: 'function',
    function: { name, arguments: JSON.stringify(given) },
  };
}

/** A model that this server does not have. */
export function unknownModel(name: string): RequestError {
  return new RequestError(
    404,
    `The model ${JSON.stringify(name.slice(0, 100))} does not exist. GET /v1/models lists those that do.`,
    {
      param: 'model',
      code: 'model_not_found',
    },
  );
}
