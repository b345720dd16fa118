import * as v from 'valibot';
import { GraftError } from '../errors.ts';
import { answer, promptOf, promptOfMessages, promptOfText } from '../evaluate/answer.ts';
import { parseJson } from '../json.ts';
import { Generator } from '../model/generator.ts';
import { checkSampling, greedy, type Sampling } from '../model/sampling.ts';
import type { ChatMessage } from '../text/chat-template.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { readWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';
import { modelFlags, openAdapter, openSession, requiredTokenizer } from './session.ts';

export const generateFlags = {
  model: modelFlags.model,
  adapter: { value: 'DIR', help: 'a PEFT adapter folder' },
  prompt: { value: 'TEXT', help: 'what to answer, or with --raw to continue' },
  messages: {
    value: 'FILE',
    help: 'a conversation: JSON list of {role, content}, or an object with messages',
  },
  'max-new-tokens': { value: 'N', help: 'tokens of the answer at most (default: 128)' },
  temperature: { value: 'X', help: '0 is greedy (default: 0)' },
  'top-k': { value: 'N', help: 'only the N most likely tokens (default: 0, all)' },
  'top-p': { value: 'X', help: 'only the most likely tokens that add up to X (default: 1)' },
  'min-p': { value: 'X', help: 'only tokens at least X times as likely as the best (default: 0)' },
  'repetition-penalty': { value: 'X', help: '(default: 1)' },
  stop: { value: 'TEXT', help: 'a text that ends the answer' },
  seed: { value: 'N', help: '(default: 42)' },
  precision: modelFlags.precision,
  'base-weights': modelFlags['base-weights'],
  'embedding-weights': modelFlags['embedding-weights'],
  device: modelFlags.device,
  raw: { help: 'no chat template: continue the prompt as it is' },
  json: { help: 'one object with prompt_ids, new_ids and text' },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

const DEFAULT_NEW_TOKENS = 128;

export async function generateCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(generateFlags, args);
  const sampling: Sampling = {
    temperature: flags.number('temperature') ?? greedy.temperature,
    topK: flags.whole('top-k') ?? greedy.topK,
    topP: flags.number('top-p') ?? greedy.topP,
    minP: flags.number('min-p') ?? greedy.minP,
    repetitionPenalty: flags.number('repetition-penalty') ?? greedy.repetitionPenalty,
  };
  checkSampling(sampling);
  const maxNewTokens = flags.whole('max-new-tokens') ?? DEFAULT_NEW_TOKENS;
  const seed = flags.whole('seed') ?? 42;
  const stop = flags.text('stop');
  if (stop === '') throw new GraftError('arguments', '--stop is empty.', 'Give a text, or leave it out.');
  const prompt = flags.text('prompt');
  const messagesPath = flags.text('messages');
  if ((prompt === undefined) === (messagesPath === undefined))
    throw new GraftError('arguments', 'Give either --prompt or --messages.', 'See graft generate --help.');
  const messages =
    messagesPath === undefined
      ? undefined
      : readMessages(new TextDecoder().decode(await readWhole(messagesPath)), messagesPath);

  const { model, files } = await openSession(flags, output);
  const tokenizer = await requiredTokenizer(files);
  const promptIds = messages
    ? promptOfMessages(tokenizer, messages)
    : rawOrChat(tokenizer, prompt!, flags.on('raw'));
  const path = flags.text('adapter');
  const adapter = path === undefined ? undefined : await openAdapter(path, model);
  const generator = new Generator(
    model,
    1,
    Math.min(model.definition.shape.maxPositions, promptIds.length + maxNewTokens + 1),
  );
  const json = flags.on('json');
  const [result] = await answer(generator, tokenizer, [promptIds], {
    maxNewTokens,
    sampling,
    seed,
    adapter,
    stopStrings: stop === undefined ? [] : [stop],
    onText: json ? undefined : (_, text) => process.stdout.write(text),
  });
  process.stdout.write(
    json
      ? `${JSON.stringify({ prompt_ids: result.promptIds, new_ids: result.newIds, text: result.text })}\n`
      : '\n',
  );
}

function rawOrChat(tokenizer: Tokenizer, prompt: string, raw: boolean): number[] {
  return raw ? promptOfText(tokenizer, prompt) : promptOf(tokenizer, prompt);
}

const Messages = v.pipe(
  v.array(v.object({ role: v.picklist(['system', 'user', 'assistant']), content: v.string() })),
  v.minLength(1),
);

function readMessages(text: string, path: string): ChatMessage[] {
  const json = parseJson(text, path);
  const list: unknown =
    typeof json === 'object' && json !== null && 'messages' in json ? json.messages : json;
  const parsed = v.safeParse(Messages, list);
  if (!parsed.success)
    throw new GraftError(
      'messages',
      `${path} is not a conversation: ${parsed.issues[0].message}.`,
      'Give a JSON list of {role, content}.',
    );
  return parsed.output;
}
