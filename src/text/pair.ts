/**
 * A pair of answers as one row: both sequences end to end, each the prompt and one answer. Prompt and answer are encoded as one text, and an answer
 * begins where that leaves the tokens of the prompt alone, for both where the first of the two does. So the two share the same prompt tokens, and
 * everything behind them is compared.
 */
import { renderChat } from './chat-template.ts';
import type { RenderedRow, RenderExampleOptions } from './loss-mask.ts';
import type { Tokenizer } from './tokenizer.ts';
import { IGNORED, type Pair, type PairSide, type TrainableMessage } from './trainable.ts';

/** Tokens of a prompt by itself, and of the prompt with either answer. */
interface Encoded {
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

/**
 * @param template of the chat; without one, prompts and answers are put together as they are, between bos and eos
 * @returns undefined for messages where there is no template
 */
export function renderPair(
  { chosen, rejected }: Pair,
  template: string | undefined,
  tokenizer: Tokenizer,
  options: RenderExampleOptions,
): RenderedRow | undefined {
  if (chosen.kind === 'tokens' && rejected.kind === 'tokens')
    return joined([tokensOf(chosen), tokensOf(rejected)]);
  if (template !== undefined) {
    const sides = [messagesOf(chosen), messagesOf(rejected)];
    return fromEncoded(encodeChat(sides[0], sides[1], template, tokenizer, options));
  }
  if (chosen.kind !== 'completion' || rejected.kind !== 'completion') return undefined;
  return fromEncoded(encodePlain(chosen, rejected, tokenizer));
}

/** A pair of ready rows, which needs no tokenizer. */
export function renderTokenPair({ chosen, rejected }: Pair): RenderedRow | undefined {
  return chosen.kind === 'tokens' && rejected.kind === 'tokens'
    ? joined([tokensOf(chosen), tokensOf(rejected)])
    : undefined;
}

interface Sequence {
  readonly ids: readonly number[];
  readonly labels: readonly number[];
}

const tokensOf = ({ ids, labels }: Extract<PairSide, { kind: 'tokens' }>): Sequence => ({
  ids,
  labels: labels.map((label, t) => (t === 0 ? IGNORED : label)),
});

function encodePlain(
  chosen: Extract<PairSide, { kind: 'completion' }>,
  rejected: Extract<PairSide, { kind: 'completion' }>,
  tokenizer: Tokenizer,
): Encoded {
  const { startId, eosId } = tokenizer;
  const bos = startId === undefined ? [] : [startId];
  const eos = eosId === undefined ? [] : [eosId];
  const { prompt, separator = '' } = chosen;
  const whole = (answer: string): number[] => [
    ...bos,
    ...tokenizer.encode(prompt + separator + answer),
    ...eos,
  ];
  return {
    prompt: [...bos, ...tokenizer.encode(prompt + separator)],
    chosen: whole(chosen.completion),
    rejected: whole(rejected.completion),
  };
}

/** Whose turn the answers are: behind a user's or a system's turn. */
interface Turns {
  readonly prompt: readonly TrainableMessage[];
  readonly answer: readonly TrainableMessage[];
}

function messagesOf(side: PairSide): Turns {
  switch (side.kind) {
    case 'completion':
      return {
        prompt: [{ role: 'user', content: side.prompt }],
        answer: [{ role: 'assistant', content: side.completion }],
      };
    case 'messages': {
      // The last of the prompt is no answer, nor an answer that is context.
      const from = side.messages.findIndex(
        ({ role, supervised }) => role === 'assistant' && supervised !== false,
      );
      return { prompt: side.messages.slice(0, from), answer: side.messages.slice(from) };
    }
    case 'tokens':
      throw new Error('Tokens have no messages');
  }
}

/** The template writes bos, eos and everything between. */
function encodeChat(
  chosen: Turns,
  rejected: Turns,
  template: string,
  tokenizer: Tokenizer,
  { templateVariables, now }: RenderExampleOptions,
): Encoded {
  const encode = (messages: readonly TrainableMessage[], addGenerationPrompt: boolean): number[] =>
    tokenizer.encode(
      renderChat(template, messages, {
        addGenerationPrompt,
        bosToken: tokenizer.bosToken,
        eosToken: tokenizer.eosToken,
        variables: templateVariables,
        now,
        where: template === tokenizer.chatTemplate ? tokenizer.chatTemplateFile : undefined,
      }),
    );
  return {
    prompt: encode(chosen.prompt, true),
    chosen: encode([...chosen.prompt, ...chosen.answer], false),
    rejected: encode([...rejected.prompt, ...rejected.answer], false),
  };
}

function fromEncoded({ prompt, chosen, rejected }: Encoded): RenderedRow {
  const begin = Math.min(commonPrefix(prompt, chosen), commonPrefix(prompt, rejected));
  const sequence = (ids: readonly number[]): Sequence => ({
    ids,
    labels: ids.map((id, t) => (t > 0 && t >= begin ? id : IGNORED)),
  });
  return joined([sequence(chosen), sequence(rejected)]);
}

function joined([chosen, rejected]: readonly [Sequence, Sequence]): RenderedRow {
  return {
    ids: [...chosen.ids, ...rejected.ids],
    labels: [...chosen.labels, ...rejected.labels],
    starts: [chosen.ids.length],
    notes: [],
  };
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}
