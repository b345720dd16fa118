/** One answer to a conversation, token by token. */
import { GraftError } from '../../errors.ts';
import { asRowsAsk } from '../../data/questions.ts';
import { answer, promptOfText, textOfMessages } from '../../evaluate/answer.ts';
import type { FinishReason } from '../../model/sequence.ts';
import { roomFor } from '../../model/virtual-tokens.ts';
import { renderChat } from '../../text/chat-template.ts';
import type {
  AdapterChoice,
  AnswerPassages,
  AskedPassages,
  RenderedPrompt,
  Message,
  ChatSettings,
  ChatToken,
  Origin,
} from '../api.ts';
import type { DataSet } from '../data/data.ts';
import type { OpenModel } from '../models/model.ts';
import { modelOfAdapter } from '../runs/new-tokens.ts';
import { originOf } from '../origin.ts';
import { chatTokens, type Session } from '../session.ts';
import { textOfToken, textsOfTokens } from '../../text/token-text.ts';

const CANDIDATES = 8;

interface ChatRequest {
  readonly adapter: AdapterChoice;
  readonly messages: readonly Message[];
  readonly settings: ChatSettings;
  readonly onText: (text: string) => void;
  readonly signal: AbortSignal;
  readonly passages?: AskedPassages | undefined;
}

/** @throws GraftError `worker-no-model`, `worker-no-adapter`, `sampling`, `prompt-length`, `chat-template-…`, `passages-template` */
export async function chat(
  session: Session,
  { adapter, messages: given, settings, onText, signal, passages: found }: ChatRequest,
): Promise<{
  text: string;
  tokens: ChatToken[];
  seconds: number;
  origin: Origin;
  prompt: RenderedPrompt;
  passages?: AnswerPassages;
  finish: FinishReason;
}> {
  const open = await session.model();
  const chosen = await session.adapter(adapter, open);
  const own = await modelOfAdapter(open, chosen);
  const { tokenizer } = own;
  const room = roomFor(chatTokens(open.model.definition.shape.maxPositions), chosen);
  const passages =
    found &&
    (await withPassages(given.at(-1)?.content ?? '', found, {
      room: room - settings.maxNewTokens,
      tokensOf: (text) => promptOfConversation(own, withQuestion(given, text), session.data).ids.length,
    }));
  const messages = passages ? withQuestion(given, passages.text) : given;
  const { ids: prompt, text: shown, plain } = promptOfConversation(own, messages, session.data);
  if (messages.filter(({ role }) => role !== 'system').length > 1 && prompt.length >= room) {
    throw new GraftError(
      'prompt-length',
      `The conversation has ${prompt.length} tokens with this question, but there is room for only ${room} with the answer.`,
      'Start a new conversation, or ask each question by itself.',
    );
  }
  const origin = await originOf(session, open, adapter);
  const { maxNewTokens, seed, ...sampling } = settings;
  const candidatesOf: ChatToken['candidates'][] = [];
  let last = prompt.at(-1);
  const started = performance.now();
  const [{ text, newIds, reason }] = await answer(session.chatGenerator(open), tokenizer, [prompt], {
    maxNewTokens,
    seed,
    sampling,
    adapter: chosen,
    signal,
    onText: (_, piece) => onText(piece),
    candidates: CANDIDATES,
    onToken(_, id, candidates) {
      candidatesOf.push(
        candidates.map((candidate) => ({
          text: textOfToken(candidate.id, last, tokenizer),
          probability: candidate.probability,
          ...(candidate.id === id && { taken: true as const }),
        })),
      );
      last = id;
    },
  });
  const texts = textsOfTokens(newIds, tokenizer, { context: prompt, skipSpecialTokens: true });
  return {
    text,
    tokens: texts.map((token, at) => ({ ...token, candidates: candidatesOf[at] })),
    seconds: (performance.now() - started) / 1000,
    origin,
    finish: reason,
    prompt: { text: shown, tokens: prompt.length, ...(plain !== undefined && { plain }) },
    ...(passages && { passages }),
  };
}

/** The conversation with another text in the place of its last question. */
const withQuestion = (messages: readonly Message[], text: string): Message[] => [
  ...messages.slice(0, -1),
  { role: 'user', content: text },
];

/** The question after as many passages as fit. What writes them is loaded with the first. @throws GraftError `passages-template` */
async function withPassages(
  question: string,
  { template, found }: AskedPassages,
  window: { readonly room: number; readonly tokensOf: (text: string) => number },
): Promise<AnswerPassages> {
  const { fitPassages, PassagesTemplate } = await import('../../retrieval/passages-prompt.ts');
  const { text, sources, leftOut, cut, passageTokens } = fitPassages(
    new PassagesTemplate(template),
    question,
    found,
    window,
  );
  return {
    ...{ text, cut, tokens: passageTokens },
    sources: sources.map(({ id, file, page, start, end, text: words }) => ({
      ...{ id, file, page, start, end },
      text: words,
    })),
    leftOut: leftOut.map(({ file, page, start, end }) => ({ file, page, start, end })),
  };
}

/** The prompt of a model for a conversation. @param data the open rows @throws GraftError `chat-template-…` */
export function previewPrompt(
  open: OpenModel,
  messages: readonly Message[],
  data: DataSet | undefined,
): RenderedPrompt {
  const { ids, text } = promptOfConversation(open, messages, data);
  return { text, tokens: ids.length };
}

/**
 * The prompt of a conversation: through the chat template, or line by line after the start token if the model has none,
 * with the last question written as in the open rows.
 *
 * @returns its ids, and the text that they were made of, with special tokens by their names
 */
function promptOfConversation(
  { tokenizer, content }: OpenModel,
  messages: readonly Message[],
  data: DataSet | undefined,
): { ids: number[]; text: string; plain?: string } {
  const { chatTemplate, bosToken, eosToken, startId } = tokenizer;
  if (chatTemplate === undefined) {
    const rows = data?.modelContent === content ? data : undefined;
    const text = textOfMessages(messages, (last) => (rows ? asRowsAsk(rows, last, tokenizer) : last));
    const start = startId === undefined ? '' : (tokenizer.tokenOf(startId) ?? '');
    return { ids: promptOfText(tokenizer, text), text: start + text, plain: text };
  }
  const text = renderChat(chatTemplate, messages, { addGenerationPrompt: true, bosToken, eosToken });
  return { ids: tokenizer.encode(text), text };
}
