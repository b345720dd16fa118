/** `graft generate`: answers to one prompt, a conversation, or a file of prompts. */
import * as v from 'valibot';
import { messagesOf } from '../data/formats/messages.ts';
import { BadRow } from '../data/formats/row.ts';
import { toolsOf } from '../data/formats/tools.ts';
import { GraftError, messageOf } from '../errors.ts';
import {
  answer,
  promptOf,
  promptOfMessages,
  promptOfText,
  type GeneratedAnswer,
} from '../evaluate/answer.ts';
import { isObject, parseWritten, type JsonObject } from '../json.ts';
import { sequencesAtOnce } from '../model/generation.ts';
import { Generator } from '../model/generator.ts';
import { positionsOf, roomFor } from '../model/virtual-tokens.ts';
import { MarkedStream } from '../retrieval/cited.ts';
import { fitPassages, type Fitted } from '../retrieval/passages-prompt.ts';
import type { ChatMessage } from '../text/chat-template.ts';
import { EXIT } from './exit.ts';
import { readInput } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { LinesInOrder } from './lines-in-order.ts';
import type { Output } from './output.ts';
import { jsonTokensOf } from '../text/json-tokens.ts';
import { afterPromptFlag, readAfterFlag } from './after-prompt.ts';
import {
  checkPassageFlags,
  passagesLeftOutInWords,
  passageFlags,
  Passages,
  sourcesRecord,
  sourcesText,
} from './passages.ts';
import { readSampling, samplingFlags } from './sampling-flags.ts';
import { modelFlags, openAsked, openSession } from './session.ts';

export const generateFlags = {
  model: modelFlags.model,
  adapter: { value: 'DIR', help: 'a PEFT adapter folder' },
  prompt: {
    value: 'TEXT',
    help: 'what to answer, or with --raw to continue; - reads it from standard input',
  },
  messages: {
    value: 'FILE',
    help: 'a conversation: JSON list of {role, content}, or an object with messages and perhaps tools',
  },
  prompts: {
    value: 'FILE',
    help: 'many prompts, one JSON line out for each: a line of text each, or JSONL with texts, {prompt} or {messages}; - is standard input',
  },
  ...samplingFlags,
  answers: {
    value: 'N',
    help: 'answers to each prompt, drawn by different seeds; several are one JSON line each (default: 1)',
  },
  'json-object': {
    help: 'only tokens that make each answer a JSON object, which ends it; an answer of --max-new-tokens can be cut inside it',
  },
  precision: modelFlags.precision,
  'base-weights': modelFlags['base-weights'],
  'embedding-weights': modelFlags['embedding-weights'],
  device: modelFlags.device,
  threads: modelFlags.threads,
  kernels: modelFlags.kernels,
  raw: { help: 'continue the prompt as it is, without a chat template' },
  'after-prompt': afterPromptFlag,
  ...passageFlags,
  'show-prompt': { help: 'print each prompt as the model gets it, or with JSON add it as "prompt"' },
  json: { help: 'one object with prompt_ids, new_ids and text, and with --index the passages' },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

/** A line of a file of prompts: token ids, or why there are none. */
type Asked = { readonly line: number } & (Prepared | { readonly error: string });

/** Turns that ask for an answer, and the tools that it may call. */
interface Conversation {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly JsonObject[];
}

/** The ids of a prompt, and the passages that are in it. */
interface Prepared {
  readonly ids: readonly number[];
  readonly fitted?: Fitted;
}

export async function generateCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(generateFlags, args);
  const settings = readSampling(flags);
  const count = flags.integer('answers', 1) ?? 1;
  if (count > 1 && settings.sampling.temperature === 0)
    throw new GraftError(
      'arguments',
      `--answers is ${count}, and at temperature 0 all answers are the same.`,
      'Give a --temperature above 0.',
    );
  checkPassageFlags(flags);
  const given = (['prompt', 'messages', 'prompts'] as const).filter((name) => flags.text(name) !== undefined);
  if (given.length !== 1)
    throw new GraftError('arguments', 'Give one of --prompt, --messages and --prompts.', '');
  const [kind] = given;
  const value = flags.required(kind);
  const text = kind === 'prompt' && value !== '-' ? value : new TextDecoder().decode(await readInput(value));
  if (kind === 'prompt' && value === '-' && text.trim() === '')
    throw new GraftError('file-empty', 'Standard input is empty.', 'Write the prompt to it.');
  const conversation = kind === 'messages' ? readConversation(text, value) : undefined;

  const session = await openSession(flags, output);
  const passages = await Passages.open(flags, output, session);
  const { model, files } = session;
  const showsPrompt = flags.on('show-prompt');
  const raw = flags.on('raw');
  const path = flags.text('adapter');
  const { adapter, tokenizer } = await openAsked(path, { model, files });
  const after = await readAfterFlag(flags, path);
  const json = flags.on('json-object') ? jsonTokensOf(tokenizer, files.name) : undefined;
  const options = { ...settings, adapter, ...(json && { constraint: () => json.begin() }) };
  /** Says how many answers are a part of an object only. */
  const warnOfCut = (answers: readonly GeneratedAnswer[]): void => {
    const cut = json ? answers.filter(({ reason }) => reason === 'length').length : 0;
    if (cut > 0)
      output.line(
        `${cut} of ${answers.length} answers reached --max-new-tokens before their JSON object ended.`,
      );
  };
  const idsOf = (asked: string | Conversation): number[] => {
    if (typeof asked !== 'string') return promptOfMessages(tokenizer, asked.messages, asked.tools);
    return raw ? promptOfText(tokenizer, asked) : promptOf(tokenizer, asked, after);
  };
  const { maxPositions } = model.definition.shape;
  const room = roomFor(maxPositions, adapter) - settings.maxNewTokens;
  /** The ids of a prompt, after passages if there is an index. */
  const prepare = async (asked: string | Conversation): Promise<Prepared> => {
    if (!passages) return { ids: idsOf(asked) };
    const question = lastQuestion(asked);
    const [found] = await passages.find([question]);
    const fitted = fitPassages(passages.template, question, found, {
      room,
      tokensOf: (text) => idsOf(withQuestion(asked, text)).length,
    });
    if (fitted.tokens > room)
      throw new GraftError(
        'prompt-length',
        `Without any passage the prompt has ${fitted.tokens} tokens, its answer may take ${settings.maxNewTokens}, and the model holds ${room + settings.maxNewTokens}.`,
        'Shorten the question or the template of passages, or give fewer --max-new-tokens.',
      );
    return { ids: idsOf(withQuestion(asked, fitted.text)), fitted };
  };
  const record = ({ promptIds, newIds, text }: GeneratedAnswer, fitted: Fitted | undefined): object => ({
    prompt_ids: promptIds,
    new_ids: newIds,
    text,
    ...(showsPrompt && { prompt: tokenizer.decode(promptIds) }),
    ...(fitted && sourcesRecord(text, fitted)),
  });
  const makeGenerator = (prompts: readonly (readonly number[])[]): Generator => {
    const longest = Math.max(...prompts.map(({ length }) => length));
    const maxLength = Math.min(maxPositions, positionsOf(longest + settings.maxNewTokens + 1, adapter));
    return new Generator(model, sequencesAtOnce(model, prompts.length, maxLength), maxLength);
  };

  if (kind === 'prompts') {
    const asked: Asked[] = [];
    for (const { line, read } of readPrompts(text, value))
      try {
        const prepared = await prepare(read());
        const { length } = prepared.ids;
        if (length >= maxPositions)
          throw new GraftError(
            'prompt-length',
            `The prompt has ${length} tokens, and the model was made for at most ${maxPositions}.`,
            'Shorten it.',
          );
        asked.push({ line, ...prepared });
      } catch (error) {
        asked.push({ line, error: messageOf(error) });
      }
    /** A line of output each, in the order of the file. */
    const slots = asked.flatMap((one) => Array<Asked>('ids' in one ? count : 1).fill(one));
    const lines = new LinesInOrder((line) => output.result(line));
    const put = (at: number, said: object): void =>
      lines.put(at, `${JSON.stringify({ line: slots[at].line, ...said })}\n`);
    const wanted = slots.flatMap((slot, at) => {
      if ('ids' in slot) return [{ at, ...slot }];
      put(at, { error: slot.error });
      return [];
    });
    const prompts = wanted.map(({ ids }) => ids);
    let answered = 0;
    if (prompts.length > 0) {
      const answers = await answer(makeGenerator(prompts), tokenizer, prompts, {
        ...options,
        onAnswer: (prompt, one) => {
          output.progress(`Answered ${++answered} of ${prompts.length} prompts`);
          put(wanted[prompt].at, record(one, wanted[prompt].fitted));
        },
      });
      warnOfCut(answers);
    }
    const failed = asked.filter((one) => 'error' in one).length;
    if (failed > 0) {
      output.line(`${failed} of ${asked.length} prompts could not be answered: see "error" in their lines.`);
      process.exitCode = EXIT.couldNot;
    }
    return;
  }

  const { ids, fitted } = await prepare(conversation ?? (value === '-' ? text.replace(/\r?\n$/, '') : text));
  const asRecords = flags.on('json') || count > 1;
  for (const sentence of fitted ? passagesLeftOutInWords(fitted) : []) output.line(sentence);
  if (showsPrompt && !asRecords) output.line(tokenizer.decode(ids));
  const marked = new MarkedStream(fitted?.sources ?? []);
  const prompts = Array<readonly number[]>(count).fill(ids);
  const answers = await answer(makeGenerator(prompts), tokenizer, prompts, {
    ...options,
    onText: asRecords ? undefined : (_, piece) => output.result(fitted ? marked.push(piece) : piece),
  });
  if (asRecords) output.result(answers.map((one) => `${JSON.stringify(record(one, fitted))}\n`).join(''));
  else output.result(fitted ? `${marked.end()}\n${sourcesText(answers[0].text, fitted)}` : '\n');
  warnOfCut(answers);
}

/** The text that passages are searched for: the prompt, or the last turn of the user. */
const lastQuestion = (asked: string | Conversation): string =>
  typeof asked === 'string' ? asked : (asked.messages.findLast(({ role }) => role === 'user')?.content ?? '');

/** The same with another text in the place of {@link lastQuestion}. */
function withQuestion(asked: string | Conversation, text: string): string | Conversation {
  if (typeof asked === 'string') return text;
  const last = asked.messages.findLastIndex(({ role }) => role === 'user');
  const messages = asked.messages.map((turn, at) => (at === last ? { ...turn, content: text } : turn));
  return { ...asked, messages };
}

interface PromptLine {
  /** From 1. */
  readonly line: number;
  /** @throws GraftError for a line that is no prompt */
  readonly read: () => string | Conversation;
}

/** The lines of a file of prompts that are not empty. @throws GraftError `prompts-empty` */
function readPrompts(text: string, path: string): PromptLine[] {
  const isJson = /\.(jsonl|ndjson)$/i.test(path) || /^\s*[{"]/.test(text);
  const lines = text
    .split(/\r?\n/)
    .map((content, at) => ({
      line: at + 1,
      content,
      read: () => (isJson ? readPrompt(content, `Line ${at + 1} of ${nameOfInput(path)}`) : content),
    }))
    .filter(({ content }) => content.trim() !== '');
  if (lines.length === 0)
    throw new GraftError('prompts-empty', `${nameOfInput(path)} has no prompts.`, 'Write one on each line.');
  return lines;
}

const PromptRow = v.union([v.string(), v.looseObject({ prompt: v.string() })]);

function readPrompt(text: string, where: string): string | Conversation {
  const json = parseWritten(text, where);
  const parsed = v.safeParse(PromptRow, json);
  if (parsed.success) return typeof parsed.output === 'string' ? parsed.output : parsed.output.prompt;
  if (Array.isArray(json) || (isObject(json) && 'messages' in json)) return conversationOf(json, where);
  throw new GraftError(
    'prompts-line',
    `${where} is not a prompt.`,
    'Write a text in quotes, {"prompt": "…"} or {"messages": […]}.',
  );
}

const nameOfInput = (path: string): string => (path === '-' ? 'standard input' : path);

/** @throws GraftError `messages` */
function readConversation(text: string, path: string): Conversation {
  return conversationOf(parseWritten(text, nameOfInput(path)), nameOfInput(path));
}

/** A list of messages, or an object with them and perhaps with tools: as rows have them. @throws GraftError `messages` */
function conversationOf(json: unknown, path: string): Conversation {
  const { messages, tools }: JsonObject = isObject(json) && 'messages' in json ? json : { messages: json };
  try {
    const given = toolsOf(tools);
    return { messages: messagesOf(messages, 'messages'), ...(given && { tools: given }) };
  } catch (cause) {
    if (!(cause instanceof BadRow)) throw cause;
    throw new GraftError(
      'messages',
      `${path} is not a conversation: ${cause.message}.`,
      'Give a JSON list of {role, content}, or an object with messages.',
      { cause },
    );
  }
}
