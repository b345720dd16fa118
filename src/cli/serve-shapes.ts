/** Answers of `graft serve` in OpenAI's shapes: of chats and of completions, whole and in pieces. */

/** A token of an answer, with its probability. */
export interface LoggedToken {
  readonly text: string;
  /** UTF-8; null for a part of a character. */
  readonly bytes: readonly number[] | null;
  readonly logProbability: number;
  readonly top: readonly Omit<LoggedToken, 'top' | 'start'>[];
  /** Characters of the answer before it. */
  readonly start: number;
}

export interface AnswerPiece {
  readonly text: string;
  readonly tokens: readonly LoggedToken[];
}

/** A call of a tool, as OpenAI writes it. */
export interface ServedCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

export interface Choice extends AnswerPiece {
  /** The text without the calls, and the calls. */
  readonly content: string;
  readonly calls: readonly ServedCall[];
  readonly finish: 'stop' | 'length' | 'tool_calls';
  readonly newTokens: number;
  readonly cachedTokens: number;
}

/** What differs between the two endpoints. */
export interface Shape {
  readonly id: string;
  /** The field of a request that has the prompt. */
  readonly asks: 'messages' | 'prompt';
  readonly object: string;
  readonly chunk: string;
  /** The first event of a choice. */
  readonly opening: object | undefined;
  readonly whole: (choice: Choice, logged: boolean) => object;
  readonly part: (piece: AnswerPiece, logged: boolean) => object;
  /** The event with the calls of a choice. */
  readonly called: (calls: readonly ServedCall[]) => object;
  /** The last event of a choice. */
  readonly closing: object;
}

const chatLog = (tokens: readonly LoggedToken[]): object => {
  const entry = ({ text, bytes, logProbability }: Omit<LoggedToken, 'top' | 'start'>): object => {
    return { token: text, bytes, logprob: logProbability };
  };
  return {
    content: tokens.map((token) => ({ ...entry(token), top_logprobs: token.top.map(entry) })),
    refusal: null,
  };
};

export const CHAT: Shape = {
  id: 'chatcmpl',
  asks: 'messages',
  object: 'chat.completion',
  chunk: 'chat.completion.chunk',
  opening: { delta: { role: 'assistant', content: '' }, logprobs: null },
  whole: ({ content, calls, tokens }, logged) => ({
    message: {
      ...{ role: 'assistant', content: calls.length > 0 && content === '' ? null : content, refusal: null },
      ...(calls.length > 0 && { tool_calls: calls }),
    },
    logprobs: logged ? chatLog(tokens) : null,
  }),
  part: ({ text, tokens }, logged) => ({
    delta: { content: text },
    logprobs: logged ? chatLog(tokens) : null,
  }),
  called: (calls) => ({
    delta: { tool_calls: calls.map((call, index) => ({ index, ...call })) },
    logprobs: null,
  }),
  closing: { delta: {}, logprobs: null },
};

const completionPart = ({ text, tokens }: AnswerPiece, logged: boolean): object => ({
  text,
  logprobs: logged
    ? {
        tokens: tokens.map((token) => token.text),
        token_logprobs: tokens.map(({ logProbability }) => logProbability),
        top_logprobs: tokens.map(({ top }) =>
          Object.fromEntries(top.map(({ text: likely, logProbability }) => [likely, logProbability])),
        ),
        text_offset: tokens.map(({ start }) => start),
      }
    : null,
});

export const COMPLETION: Shape = {
  id: 'cmpl',
  asks: 'prompt',
  object: 'text_completion',
  chunk: 'text_completion',
  opening: undefined,
  whole: completionPart,
  part: completionPart,
  called: () => ({}),
  closing: { text: '', logprobs: null },
};
