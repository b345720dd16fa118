/** `graft generate`: answers to one prompt, a conversation, or a file of prompts. */
import * as v from 'valibot';
import { GraftError, messageOf } from '../errors.ts';
import { answer, promptOf, promptOfMessages, promptOfText, type Answer } from '../evaluate/answer.ts';
import { isObject, parseWritten } from '../json.ts';
import { Generator } from '../model/generator.ts';
import type { ChatMessage } from '../text/chat-template.ts';
import { EXIT } from './exit.ts';
import { readInput } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';
import { afterPromptFlag, readAfterFlag } from './after-prompt.ts';
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
    help: 'a conversation: JSON list of {role, content}, or an object with messages',
  },
  prompts: {
    value: 'FILE',
    help: 'many prompts, one JSON line out for each: a line of text each, or JSONL with texts, {prompt} or {messages}; - is standard input',
  },
  ...samplingFlags,
  precision: modelFlags.precision,
  'base-weights': modelFlags['base-weights'],
  'embedding-weights': modelFlags['embedding-weights'],
  device: modelFlags.device,
  threads: modelFlags.threads,
  kernels: modelFlags.kernels,
  raw: { help: 'continue the prompt as it is, without a chat template' },
  'after-prompt': afterPromptFlag,
  json: { help: 'one object with prompt_ids, new_ids and text' },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

/** Prompts of a file that are answered at once. */
const SEQUENCES = 8;

/** A line of a file of prompts: token ids, or why there are none. */
type Asked = { readonly line: number } & ({ readonly ids: readonly number[] } | { readonly error: string });

export async function generateCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(generateFlags, args);
  const settings = readSampling(flags);
  const given = (['prompt', 'messages', 'prompts'] as const).filter((name) => flags.text(name) !== undefined);
  if (given.length !== 1)
    throw new GraftError('arguments', 'Give one of --prompt, --messages and --prompts.', '');
  const [kind] = given;
  const value = flags.required(kind);
  const text = kind === 'prompt' && value !== '-' ? value : new TextDecoder().decode(await readInput(value));
  if (kind === 'prompt' && value === '-' && text.trim() === '')
    throw new GraftError('file-empty', 'Standard input is empty.', 'Write the prompt to it.');
  const messages = kind === 'messages' ? readMessages(text, value) : undefined;

  const { model, files } = await openSession(flags, output);
  const raw = flags.on('raw');
  const path = flags.text('adapter');
  const { adapter, tokenizer } = await openAsked(path, { model, files });
  const after = await readAfterFlag(flags, path);
  const idsOf = (asked: string | readonly ChatMessage[]): number[] => {
    if (typeof asked !== 'string') return promptOfMessages(tokenizer, asked);
    return raw ? promptOfText(tokenizer, asked) : promptOf(tokenizer, asked, after);
  };
  const { maxPositions } = model.definition.shape;
  const makeGenerator = (sequences: number, promptLength: number): Generator =>
    new Generator(
      model,
      sequences,
      Math.min(maxPositions, (adapter?.virtualTokens ?? 0) + promptLength + settings.maxNewTokens + 1),
    );

  if (kind === 'prompts') {
    const asked = readPrompts(text, value).map(({ line, read }): Asked => {
      try {
        const ids = idsOf(read());
        if (ids.length >= maxPositions)
          throw new GraftError(
            'prompt-length',
            `The prompt has ${ids.length} tokens, and the model was made for at most ${maxPositions}.`,
            'Shorten it.',
          );
        return { line, ids };
      } catch (error) {
        return { line, error: messageOf(error) };
      }
    });
    const longest = Math.max(1, ...asked.map((one) => ('ids' in one ? one.ids.length : 0)));
    const sequences = Math.min(SEQUENCES, asked.length);
    const generator = makeGenerator(sequences, longest);
    for (let start = 0; start < asked.length; start += sequences) {
      output.progress(`Answered ${start} of ${asked.length} prompts`);
      const group = asked.slice(start, start + sequences);
      const prompts = group.flatMap((one) => ('ids' in one ? [one.ids] : []));
      const answers =
        prompts.length > 0 ? await answer(generator, tokenizer, prompts, { ...settings, adapter }) : [];
      for (const one of group) {
        const said = 'ids' in one ? record(answers.shift()!) : { error: one.error };
        output.result(`${JSON.stringify({ line: one.line, ...said })}\n`);
      }
    }
    const failed = asked.filter((one) => 'error' in one).length;
    if (failed > 0) {
      output.line(`${failed} of ${asked.length} prompts could not be answered: see "error" in their lines.`);
      process.exitCode = EXIT.couldNot;
    }
    return;
  }

  const promptIds = idsOf(messages ?? (value === '-' ? text.replace(/\r?\n$/, '') : text));
  const json = flags.on('json');
  const [result] = await answer(makeGenerator(1, promptIds.length), tokenizer, [promptIds], {
    ...settings,
    adapter,
    onText: json ? undefined : (_, piece) => output.result(piece),
  });
  output.result(json ? `${JSON.stringify(record(result))}\n` : '\n');
}

const record = ({ promptIds, newIds, text }: Answer): object => ({
  prompt_ids: promptIds,
  new_ids: newIds,
  text,
});

interface PromptLine {
  /** From 1. */
  readonly line: number;
  /** @throws GraftError for a line that is no prompt */
  readonly read: () => string | readonly ChatMessage[];
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

function readPrompt(text: string, where: string): string | readonly ChatMessage[] {
  const json = parseWritten(text, where);
  const parsed = v.safeParse(PromptRow, json);
  if (parsed.success) return typeof parsed.output === 'string' ? parsed.output : parsed.output.prompt;
  if (Array.isArray(json) || (isObject(json) && 'messages' in json)) return messagesOf(json, where);
  throw new GraftError(
    'prompts-line',
    `${where} is not a prompt.`,
    'Write a text in quotes, {"prompt": "…"} or {"messages": […]}.',
  );
}

const nameOfInput = (path: string): string => (path === '-' ? 'standard input' : path);

const Messages = v.pipe(
  v.array(v.object({ role: v.picklist(['system', 'user', 'assistant']), content: v.string() })),
  v.minLength(1),
);

function readMessages(text: string, path: string): ChatMessage[] {
  return messagesOf(parseWritten(text, nameOfInput(path)), nameOfInput(path));
}

/** @throws GraftError `messages` */
function messagesOf(json: unknown, path: string): ChatMessage[] {
  const list: unknown =
    typeof json === 'object' && json !== null && 'messages' in json ? json.messages : json;
  const parsed = v.safeParse(Messages, list);
  if (!parsed.success)
    throw new GraftError(
      'messages',
      `${path} is not a conversation: ${parsed.issues[0].message}.`,
      'Give a JSON list of {role, content}, or an object with messages.',
    );
  return parsed.output;
}
