/** Text in, text out: a prompt or a conversation is rendered as in training, continued, and decoded as tokens come. */
import { withAfter, type Question } from '../data/questions.ts';
import { GraftError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { GenerateOptions } from '../model/generation.ts';
import type { Generator } from '../model/generator.ts';
import type { Candidate } from '../model/sampling.ts';
import type { FinishReason } from '../model/sequence.ts';
import { renderChat, type ChatMessage } from '../text/chat-template.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

export interface AnswerOptions extends Omit<GenerateOptions, 'onToken' | 'onEnd' | 'stopIds'> {
  /** Texts that end an answer; they are not part of it. */
  readonly stopStrings?: readonly string[];
  /** Text as it becomes certain, for one of the prompts. */
  readonly onText?: (prompt: number, text: string) => void;
  /** Each token, and the most likely ones in its place: as many as `candidates`. */
  readonly onToken?: (prompt: number, id: number, candidates: readonly Candidate[]) => void;
  /** Each answer when it has ended, in no particular order, with the seconds that it took. */
  readonly onAnswer?: (prompt: number, answer: GeneratedAnswer, seconds: number) => void;
}

export interface GeneratedAnswer {
  readonly promptIds: readonly number[];
  readonly newIds: readonly number[];
  readonly text: string;
  readonly reason: FinishReason;
}

/** The ids of a conversation that asks for an answer. @throws GraftError `chat-template-missing`, `chat-template-…` */
export function promptOfMessages(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  tools?: readonly JsonObject[],
): number[] {
  if (tokenizer.chatTemplate === undefined) {
    throw new GraftError(
      'chat-template-missing',
      'This model has no chat template.',
      'Give a plain prompt instead of messages.',
    );
  }
  return tokenizer.encode(
    renderChat(tokenizer.chatTemplate, messages, {
      addGenerationPrompt: true,
      bosToken: tokenizer.bosToken,
      eosToken: tokenizer.eosToken,
      tools,
      where: tokenizer.chatTemplateFile,
    }),
  );
}

/** The ids of a text that the model continues: after the start token, if there is one. */
export function promptOfText(tokenizer: Tokenizer, text: string): number[] {
  return [...(tokenizer.startId === undefined ? [] : [tokenizer.startId]), ...tokenizer.encode(text)];
}

/** A conversation for a model without a chat template: line by line. @param asRows writes the last question as the rows do */
export function textOfMessages(
  messages: readonly Pick<ChatMessage, 'content'>[],
  asRows: (last: string) => string,
): string {
  return messages
    .map(({ content }, at) => (at === messages.length - 1 ? asRows(content) : content))
    .join('\n');
}

/**
 * The ids of a conversation: through the chat template, or line by line if the model has none.
 *
 * @param after the text after a question, for a model without a template
 * @throws GraftError `chat-template-…` as `promptOfMessages`
 */
export function promptOfConversation(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  after: string,
  tools?: readonly JsonObject[],
): number[] {
  return tokenizer.chatTemplate === undefined
    ? promptOfText(
        tokenizer,
        textOfMessages(messages, (last) => withAfter(last, after)),
      )
    : promptOfMessages(tokenizer, messages, tools);
}

/** The ids of a question of the data. @throws GraftError as `promptOfMessages`, for a question in messages */
export function promptOfQuestion(tokenizer: Tokenizer, { ask, tools }: Question): number[] {
  return typeof ask === 'string' ? promptOfText(tokenizer, ask) : promptOfMessages(tokenizer, ask, tools);
}

/**
 * The ids of a person's question: with the chat template if the model has one.
 *
 * @param after the text after prompts, for a model without a template
 * @throws GraftError `chat-template-…` as `promptOfMessages`
 */
export function promptOf(tokenizer: Tokenizer, text: string, after = ''): number[] {
  return tokenizer.chatTemplate === undefined
    ? promptOfText(tokenizer, withAfter(text, after))
    : promptOfMessages(tokenizer, [{ role: 'user', content: text }]);
}

/** Continues prompts, as many at once as the generator has sequences. @throws GraftError as `Generator.generate` */
export async function answer(
  generator: Generator,
  tokenizer: Tokenizer,
  prompts: readonly (readonly number[])[],
  options: AnswerOptions,
): Promise<GeneratedAnswer[]> {
  const { stopStrings = [], onText, onToken, onAnswer, ...rest } = options;
  const streams = prompts.map((prompt) => new StoppableText(tokenizer, prompt, stopStrings));
  const answers: GeneratedAnswer[] = [];
  await generator.generate(prompts, {
    ...rest,
    stopIds: tokenizer.eosIds,
    onToken(prompt, id, candidates) {
      onToken?.(prompt, id, candidates);
      const piece = streams[prompt].push(id);
      if (piece !== '') onText?.(prompt, piece);
      return streams[prompt].stopped;
    },
    onEnd(prompt, { ids: newIds, reason }, seconds) {
      const stream = streams[prompt];
      const piece = stream.end();
      if (piece !== '') onText?.(prompt, piece);
      const { text, stopped } = stream;
      answers[prompt] = { promptIds: prompts[prompt], newIds, text, reason: stopped ? 'stop' : reason };
      onAnswer?.(prompt, answers[prompt], seconds);
    },
  });
  return answers;
}

/** Decodes a stream, and withholds text that may be the start of a stop string. */
export class StoppableText {
  text = '';
  stopped = false;
  readonly #decoder;
  #held = '';

  constructor(
    tokenizer: Tokenizer,
    prompt: readonly number[],
    private readonly stops: readonly string[],
  ) {
    this.#decoder = tokenizer.streamDecoder({ skipSpecialTokens: true, context: prompt });
  }

  /** Characters so far, withheld ones included. */
  get length(): number {
    return this.text.length + this.#held.length;
  }

  /** Adds a token. @returns the text that is certain by now: no stop string starts in it */
  push(id: number): string {
    return this.#take(this.#decoder.push(id), false);
  }

  /** Ends the stream. @returns the text that was withheld; none after a stop string */
  end(): string {
    return this.stopped ? '' : this.#take(this.#decoder.end(), true);
  }

  #take(piece: string, last: boolean): string {
    this.#held += piece;
    const found = this.stops.map((stop) => this.#held.indexOf(stop)).filter((at) => at >= 0);
    let certain = this.#held.length;
    if (found.length > 0) {
      certain = Math.min(...found);
      this.stopped = true;
    } else if (!last) {
      certain -= longestOverlap(this.#held, this.stops);
    }
    const text = this.#held.slice(0, certain);
    this.#held = this.stopped ? '' : this.#held.slice(certain);
    this.text += text;
    return text;
  }
}

/** How many characters at the end of `text` could start one of `stops`. */
function longestOverlap(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (stop.startsWith(text.slice(-length))) longest = length;
    }
  }
  return longest;
}
