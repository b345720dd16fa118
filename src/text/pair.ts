/**
 * A pair of answers as one row: both sequences end to end, each the prompt and one answer. Prompt and answer are encoded as one text, and an answer
 * starts at the first token that differs from those of the prompt alone; both start at the earlier of the two positions. So the two share the same
 * prompt tokens, and everything after them is compared. A single answer that is judged is encoded in the same way.
 */
import type { JsonObject } from '../json.ts';
import { renderChat } from './chat-template.ts';
import type { RenderedRow, RenderExampleOptions } from './loss-mask.ts';
import type { Tokenizer } from './tokenizer.ts';
import { IGNORED, type Pair, type PairSide, type TrainableMessage, type Unpaired } from './trainable.ts';

/** Tokens of a prompt by itself, and of the prompt with each answer. */
interface Encoded {
  readonly prompt: readonly number[];
  readonly answers: readonly (readonly number[])[];
}

/**
 * @param template of the chat; without one, prompts and answers are put together as they are, between bos and eos
 * @returns undefined for messages if there is no template
 */
export function renderPair(
  { chosen, rejected }: Pair,
  template: string | undefined,
  tokenizer: Tokenizer,
  options: RenderExampleOptions,
): RenderedRow | undefined {
  const sequences = renderSides([chosen, rejected], template, tokenizer, options);
  return sequences && joined(sequences);
}

/** One answer that is judged; as {@link renderPair}. */
export function renderUnpaired(
  { answer, desirable }: Unpaired,
  template: string | undefined,
  tokenizer: Tokenizer,
  options: RenderExampleOptions,
): RenderedRow | undefined {
  const sequences = renderSides([answer], template, tokenizer, options);
  return sequences && { ...joined(sequences), desirable };
}

/** A pair, or a judged answer, of ready tokens, which needs no tokenizer. */
export function renderReady(example: Pair | Unpaired): RenderedRow | undefined {
  const sides = example.kind === 'pair' ? [example.chosen, example.rejected] : [example.answer];
  const sequences = sides.flatMap((side) => (side.kind === 'tokens' ? [tokensOf(side)] : []));
  if (sequences.length < sides.length) return undefined;
  return {
    ...joined(sequences),
    ...(example.kind === 'unpaired' && { desirable: example.desirable }),
  };
}

function renderSides(
  sides: readonly PairSide[],
  template: string | undefined,
  tokenizer: Tokenizer,
  options: RenderExampleOptions,
): Sequence[] | undefined {
  const ready = sides.flatMap((side) => (side.kind === 'tokens' ? [tokensOf(side)] : []));
  if (ready.length === sides.length) return ready;
  if (template !== undefined)
    return fromEncoded(encodeChat(sides.map(messagesOf), template, tokenizer, options));
  const plain = sides.flatMap((side) => (side.kind === 'completion' ? [side] : []));
  return plain.length === sides.length ? fromEncoded(encodePlain(plain, tokenizer)) : undefined;
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
  sides: readonly Extract<PairSide, { kind: 'completion' }>[],
  tokenizer: Tokenizer,
): Encoded {
  const { startId, eosId } = tokenizer;
  const bos = startId === undefined ? [] : [startId];
  const eos = eosId === undefined ? [] : [eosId];
  const { prompt, separator = '' } = sides[0];
  const whole = (answer: string): number[] => [
    ...bos,
    ...tokenizer.encode(prompt + separator + answer),
    ...eos,
  ];
  return {
    prompt: [...bos, ...tokenizer.encode(prompt + separator)],
    answers: sides.map(({ completion }) => whole(completion)),
  };
}

/** Whether the answers follow a user's or a system's turn. */
interface Turns {
  readonly prompt: readonly TrainableMessage[];
  readonly answer: readonly TrainableMessage[];
  readonly tools?: readonly JsonObject[];
}

function messagesOf(side: PairSide): Turns {
  switch (side.kind) {
    case 'completion':
      return {
        prompt: [{ role: 'user', content: side.prompt }],
        answer: [{ role: 'assistant', content: side.completion }],
      };
    case 'messages': {
      // The last message of the prompt is not an answer, not even one that is context.
      const from = side.messages.findIndex(
        ({ role, supervised }) => role === 'assistant' && supervised !== false,
      );
      return {
        prompt: side.messages.slice(0, from),
        answer: side.messages.slice(from),
        tools: side.tools,
      };
    }
    case 'tokens':
      throw new Error('Tokens have no messages');
  }
}

/** The template writes bos, eos and everything between. */
function encodeChat(
  sides: readonly Turns[],
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
        tools: sides[0].tools,
        variables: templateVariables,
        now,
        where: template === tokenizer.chatTemplate ? tokenizer.chatTemplateFile : undefined,
      }),
    );
  return {
    prompt: encode(sides[0].prompt, true),
    answers: sides.map(({ prompt, answer }) => encode([...prompt, ...answer], false)),
  };
}

function fromEncoded({ prompt, answers }: Encoded): Sequence[] {
  const begin = Math.min(...answers.map((answer) => commonPrefix(prompt, answer)));
  return answers.map((ids) => ({ ids, labels: ids.map((id, t) => (t > 0 && t >= begin ? id : IGNORED)) }));
}

/** Sequences as one row; a single one has no bounds to tell. */
function joined(sequences: readonly Sequence[]): RenderedRow {
  const ends: number[] = [];
  for (const { ids } of sequences) ends.push((ends.at(-1) ?? 0) + ids.length);
  return {
    ids: sequences.flatMap(({ ids }) => ids),
    labels: sequences.flatMap(({ labels }) => labels),
    ...(ends.length > 1 && { starts: ends.slice(0, -1) }),
    notes: [],
  };
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}
