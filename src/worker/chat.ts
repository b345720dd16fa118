/** One answer to a conversation, token by token. */
import { GraftError } from '../errors.ts';
import { answer, promptOfMessages, promptOfText } from '../evaluate/answer.ts';
import type { AdapterChoice, ChatMessage, ChatSettings, ChatToken, Origin } from './api.ts';
import { originOf } from './origin.ts';
import { chatTokens, type Session } from './session.ts';
import { textOfToken } from './token-text.ts';

const CANDIDATES = 8;

export interface ChatRequest {
  readonly adapter: AdapterChoice;
  readonly messages: readonly ChatMessage[];
  readonly settings: ChatSettings;
  readonly onText: (text: string) => void;
  readonly signal: AbortSignal;
}

/** @throws GraftError `worker-no-model`, `worker-no-adapter`, `sampling`, `prompt-length`, `chat-template-…` */
export async function chat(
  session: Session,
  { adapter, messages, settings, onText, signal }: ChatRequest,
): Promise<{ text: string; tokens: ChatToken[]; seconds: number; origin: Origin }> {
  const open = await session.model();
  const { tokenizer } = open;
  const prompt =
    tokenizer.chatTemplate === undefined
      ? promptOfText(tokenizer, messages.map(({ content }) => content).join('\n'))
      : promptOfMessages(tokenizer, messages);
  const room = chatTokens(open.model.definition.shape.maxPositions);
  if (messages.length > 1 && prompt.length >= room) {
    throw new GraftError(
      'prompt-length',
      `The conversation has ${prompt.length} tokens with this question, and there is room for ${room} with the answer.`,
      'Begin a new conversation.',
    );
  }
  const chosen = await session.adapter(adapter, open);
  const origin = await originOf(session, open, adapter);
  const { maxNewTokens, seed, ...sampling } = settings;
  const pieces = tokenizer.streamDecoder({ skipSpecialTokens: true, context: prompt });
  const tokens: ChatToken[] = [];
  let last = prompt.at(-1);
  const started = performance.now();
  const [{ text }] = await answer(session.chatGenerator(open), tokenizer, [prompt], {
    maxNewTokens,
    seed,
    sampling,
    adapter: chosen,
    signal,
    onText: (_, piece) => onText(piece),
    candidates: CANDIDATES,
    onToken(_, id, candidates) {
      tokens.push({
        text: pieces.push(id),
        candidates: candidates.map((candidate) => ({
          text: textOfToken(candidate.id, last, tokenizer),
          probability: candidate.probability,
        })),
      });
      last = id;
    },
  });
  return { text, tokens, seconds: (performance.now() - started) / 1000, origin };
}
