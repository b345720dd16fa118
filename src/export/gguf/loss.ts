/** The cost of merging and rounding on test rows: the numbers, and their words. */
import { plural } from '../../numbers.ts';

/** Losses are mean cross-entropy in nats per supervised token. */
export interface MergeLoss {
  readonly type: string;
  readonly rows: number;
  /** Supervised tokens. */
  readonly tokens: number;
  /** The loss of the base without the adapter; missing if there is none. */
  readonly base?: number;
  /** The loss of base and adapter apart, or of the tuned model as it was. */
  readonly apart: number;
  /** The loss of the merged file. */
  readonly merged: number;
  /** The largest change of the probability of any next token, at any supervised place. */
  readonly change: number;
}

/** A part of what tuning gained that, lost in the file, is worth a word. */
const WORTH_A_WORD = 0.1;
/** A change of a probability that is worth a word. */
const LARGE_CHANGE = 0.1;

/** The part of the tuning's gain that the file has lost; undefined without a base to compare with, or a gain. */
function lostPart({ base, apart, merged }: MergeLoss): number | undefined {
  if (base === undefined || base <= apart) return undefined;
  return (merged - apart) / (base - apart);
}

/** What a person should know of the loss, if it is worth a word. */
function advice(loss: MergeLoss): string | undefined {
  const { type, base, change } = loss;
  if (base === undefined) return undefined;
  const lost = lostPart(loss);
  const instead =
    'ship the pair: the base as a GGUF file, and the adapter by graft export --format gguf; or choose a type with more bits.';
  if (lost !== undefined && lost > WORTH_A_WORD)
    return `${type} takes ${Math.round(100 * lost)} % of what the tuning gained. Instead, ${instead}`;
  if (change > LARGE_CHANGE)
    return `The loss keeps what the tuning gained, but single probabilities change by more than ${LARGE_CHANGE}. If they matter, ${instead}`;
  return undefined;
}

const nats = (value: number): string => value.toFixed(4);

/** The loss in sentences, in nats per token, with advice if merging costs much. */
export function lossSentences(loss: MergeLoss): readonly string[] {
  const { type, rows, tokens, base, apart, merged, change } = loss;
  const known = base === undefined ? 'as it was' : `base ${nats(base)}, base and adapter apart`;
  const more = advice(loss);
  return [
    `Merge loss on ${plural(rows, 'row')}, ${plural(tokens, 'supervised token')}: ${known} ${nats(apart)}, merged in ${type} ${nats(merged)} nats per token.`,
    `The largest change of a probability is ${change.toFixed(4)}.`,
    ...(more === undefined ? [] : [more]),
  ];
}

/** The same for a card. */
export function lossTable(loss: MergeLoss): string {
  const { type, rows, tokens, base, apart, merged, change } = loss;
  const more = advice(loss);
  return [
    `Mean cross-entropy in nats per token, on ${plural(rows, 'test row')} with ${plural(tokens, 'supervised token')}. Both were computed by Graft in f32.`,
    '',
    '| | loss |',
    '|---|---|',
    ...(base === undefined ? [] : [`| base | ${nats(base)} |`]),
    `| ${base === undefined ? 'as it was' : 'base and adapter apart'} | ${nats(apart)} |`,
    `| this file, ${type} | ${nats(merged)} |`,
    '',
    `The largest change of the probability of a next token is ${change.toFixed(4)}.`,
    ...(more === undefined ? [] : ['', more]),
  ].join('\n');
}
