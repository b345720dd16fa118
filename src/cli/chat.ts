/** `graft chat`: a conversation in the terminal, or one question a line from a pipe. */
import { GraftError, messageOf } from '../errors.ts';
import { answer, promptOfConversation } from '../evaluate/answer.ts';
import { fitTurns } from '../evaluate/fit-turns.ts';
import { Generator } from '../model/generator.ts';
import { roomFor } from '../model/virtual-tokens.ts';
import { MarkedStream } from '../retrieval/cited.ts';
import {
  fitPassages,
  type Fitted,
  type PassagesTemplate,
  type PassageSource,
} from '../retrieval/passages-prompt.ts';
import type { ChatMessage } from '../text/chat-template.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';
import { afterPromptFlag, readAfterFlag } from './after-prompt.ts';
import {
  checkPassageFlags,
  passagesLeftOutInWords,
  passageFlags,
  Passages,
  sourcesText,
} from './passages.ts';
import { readSampling, samplingFlags, singleFlag } from './sampling-flags.ts';
import { modelFlags, openAsked, openSession } from './session.ts';
import { readLines } from './streams.ts';

export const chatFlags = {
  model: modelFlags.model,
  adapter: { value: 'DIR', help: 'a PEFT adapter folder' },
  system: { value: 'TEXT', help: 'a system message before the conversation' },
  single: singleFlag,
  'after-prompt': afterPromptFlag,
  ...passageFlags,
  'show-prompt': { help: 'print each prompt as the model gets it' },
  ...samplingFlags,
  precision: modelFlags.precision,
  'base-weights': modelFlags['base-weights'],
  'embedding-weights': modelFlags['embedding-weights'],
  device: modelFlags.device,
  threads: modelFlags.threads,
  kernels: modelFlags.kernels,
  help: modelFlags.help,
} as const satisfies FlagSpecs;

/** Tokens of a conversation, if the model takes as many: the same as the page's chat. */
const CONTEXT = 4096;

const COMMANDS =
  '/new starts a new conversation, /system TEXT sets the system message (without TEXT: none), ' +
  '/prompt shows what the model was given last, /quit ends. Ctrl-C stops an answer.';

export async function chatCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(chatFlags, args);
  const settings = readSampling(flags);
  checkPassageFlags(flags);
  const session = await openSession(flags, output);
  const passages = await Passages.open(flags, output, session);
  const { model, files } = session;
  const path = flags.text('adapter');
  const { adapter, tokenizer } = await openAsked(path, { model, files });
  const after = await readAfterFlag(flags, path);
  const cached = Math.min(CONTEXT, model.definition.shape.maxPositions);
  const context = roomFor(cached, adapter);
  if (settings.maxNewTokens >= context)
    throw new GraftError(
      'arguments',
      `--max-new-tokens is ${settings.maxNewTokens}, and a conversation has room for ${context} tokens.`,
      'Give fewer.',
    );
  const generator = new Generator(model, 1, cached);
  const conversation = new Conversation(tokenizer, context - settings.maxNewTokens, {
    single: flags.on('single'),
    after,
  });
  conversation.system = flags.text('system');

  const terminal = process.stdin.isTTY;
  let answering: AbortController | undefined;
  const lines = readLines(() => (answering ? answering.abort() : lines.close()));
  if (terminal) {
    output.line(COMMANDS);
    lines.prompt();
  }
  for await (const line of lines) {
    const said = line.trim();
    if (said === '/quit' || said === '/exit') break;
    if (said.startsWith('/')) output.line(conversation.command(said));
    else if (said !== '') {
      answering = new AbortController();
      try {
        const [found] = passages ? await passages.find([said], answering.signal) : [];
        const { ids, dropped, fitted } = conversation.ask(
          said,
          passages && { template: passages.template, found },
        );
        if (dropped > 0)
          output.line(
            `(The ${dropped === 1 ? 'first turn is' : `first ${dropped} turns are`} left out: there is no room.)`,
          );
        for (const sentence of fitted ? passagesLeftOutInWords(fitted) : []) output.line(`(${sentence})`);
        if (flags.on('show-prompt')) output.line(conversation.command('/prompt'));
        const marked = new MarkedStream(fitted?.sources ?? []);
        const [{ text }] = await answer(generator, tokenizer, [ids], {
          ...settings,
          adapter,
          signal: answering.signal,
          onText: (_, piece) => output.result(fitted ? marked.push(piece) : piece),
        });
        output.result(fitted ? `${marked.end()}\n${sourcesText(text, fitted)}\n` : '\n');
        conversation.answered(text);
      } catch (error) {
        const stopped = answering.signal.aborted;
        if (!stopped && (!(error instanceof GraftError) || !terminal)) throw error;
        conversation.takeBack();
        output.line(stopped ? '(Stopped.)' : messageOf(error));
      }
      answering = undefined;
    }
    if (terminal) lines.prompt();
  }
  lines.close();
}

/** The turns so far, and those that the model gets. */
class Conversation {
  system: string | undefined;
  #turns: ChatMessage[] = [];
  #given: readonly number[] = [];

  /**
   * @param room most tokens of a prompt @param asking `single`: each question is asked alone; `after`: the text after it if there is no chat template
   */
  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly room: number,
    private readonly asking: { readonly single: boolean; readonly after: string },
  ) {}

  /**
   * Adds a question; a conversation that is too long loses its first turns. Passages stand before this question only: the turns of earlier ones have
   * none.
   *
   * @returns the ids to continue, how many questions were dropped with their answers, and the passages that fit
   * @throws GraftError `prompt-length` if the question alone is too long, `passages-template`, `chat-template-…`
   */
  ask(
    question: string,
    passages?: { readonly template: PassagesTemplate; readonly found: readonly PassageSource[] },
  ): { ids: number[]; dropped: number; fitted?: Fitted } {
    if (this.asking.single) this.#turns = [];
    const fitted =
      passages &&
      fitPassages(passages.template, question, passages.found, {
        room: this.room,
        tokensOf: (text) => this.#ids([{ role: 'user', content: text }]).length,
      });
    this.#turns.push({ role: 'user', content: question });
    const asked = { role: 'user', content: fitted?.text ?? question };
    const { ids, dropped } = fitTurns(this.#turns, this.room, (kept) =>
      this.#ids([...kept.slice(0, -1), asked]),
    );
    this.#turns.splice(0, 2 * dropped);
    this.#given = ids;
    return { ids, dropped, ...(fitted && { fitted }) };
  }

  answered(text: string): void {
    this.#turns.push({ role: 'assistant', content: text });
  }

  /** Forgets a question that got no answer. */
  takeBack(): void {
    if (this.#turns.at(-1)?.role === 'user') this.#turns.pop();
  }

  /** Runs a line that starts with a slash. @returns the message to print */
  command(line: string): string {
    const [, name, value] = /^\/(\w*)\s*(.*)$/s.exec(line) ?? [];
    if (name === 'new') {
      this.#turns = [];
      return 'A new conversation.';
    }
    if (name === 'system') {
      this.system = value || undefined;
      return this.system === undefined ? 'No system message.' : 'The system message is set.';
    }
    if (name === 'prompt')
      return this.#given.length === 0 ? 'Nothing was asked yet.' : this.tokenizer.decode(this.#given);
    return COMMANDS;
  }

  #ids(turns: readonly ChatMessage[]): number[] {
    const system: ChatMessage[] = this.system === undefined ? [] : [{ role: 'system', content: this.system }];
    const messages = [...system, ...turns];
    return promptOfConversation(this.tokenizer, messages, this.asking.after);
  }
}
