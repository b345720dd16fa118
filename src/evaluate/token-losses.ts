/** The loss of each token of a reference answer, for the base model and a tuned one, with the tokens that each would rather have written. */
import type { Adapter } from '../adapters/adapter.ts';
import { addedTokens } from '../adapters/tokens/tokens.ts';
import { GraftError } from '../errors.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { textOfToken, textsOfTokens, type TokenText } from '../text/token-text.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { IGNORED, sequencesOf, type TokenRow } from '../text/trainable.ts';

/** A number of the base model, and of the tuned one if there is one. */
export interface OfBoth {
  readonly base: number;
  readonly tuned?: number;
}

/** A token that could stand at a place, with its probability at temperature 1. */
export interface LikelyToken extends OfBoth {
  readonly id: number;
  readonly text: string;
}

/** A wanted token. */
export interface TokenLoss extends TokenText {
  readonly id: number;
  /** −log p of this token after all that stands before it, in nats. */
  readonly loss: OfBoth;
  /** The likeliest tokens of either model in its place, the likeliest first. */
  readonly top: readonly LikelyToken[];
}

export interface TokenLosses {
  readonly tokens: readonly TokenLoss[];
  /** How many tokens the answer has: the first of them are measured. */
  readonly of: number;
}

/** Candidates of each model at each token. */
const CANDIDATES = 10;
/** With a vocabulary of 150,000 the logits of so many tokens take 150 MB. */
const MAX_TOKENS = 256;

interface Side {
  /** The losses, and the candidates with their probabilities. */
  readonly losses: readonly number[];
  readonly top: readonly (readonly number[])[];
  readonly probability: (token: number, id: number) => number;
}

/**
 * @param row of a pair the chosen answer is measured
 * @param tuned none for the base model alone
 * @param onSide called before each model; what it throws ends the work
 * @throws GraftError `token-losses` for a row without an answer and for an adapter with tokens of its own, `sequence-length`, `engine-…`
 */
export async function tokenLosses(
  model: LanguageModel,
  tokenizer: Tokenizer,
  row: TokenRow,
  tuned: Adapter | undefined,
  onSide: (done: number, total: number) => void = () => undefined,
): Promise<TokenLosses> {
  const [[start, end]] = sequencesOf(row);
  const ids = row.ids.slice(start, end);
  const places = ids.flatMap((_, at) => (at > 0 && row.labels[start + at] !== IGNORED ? [at] : []));
  if (places.length === 0 || row.asks || row.texts)
    throw new GraftError(
      'token-losses',
      'This row has no answer whose tokens could be measured.',
      'Choose a row with an answer.',
    );
  if (tuned && addedTokens(tuned.modules))
    throw new GraftError(
      'token-losses',
      'This adapter has tokens of its own, so it reads other tokens than the base model.',
      'Choose an adapter without new tokens.',
    );
  const measured = places.slice(0, MAX_TOKENS);
  // What follows the last of them changes nothing.
  const until = measured.at(-1)! + 1;
  const [used, labels] = [ids.slice(0, until), row.labels.slice(start, start + until)];
  const total = tuned ? 2 : 1;
  onSide(0, total);
  const wanted = measured.map((at) => ids[at]);
  const base = sideOf(await model.logits(used, undefined, labels), wanted);
  if (tuned) onSide(1, total);
  const other = tuned && sideOf(await model.logits(used, tuned, labels), wanted);
  onSide(total, total);
  const both = (of: (side: Side) => number): OfBoth => ({
    base: of(base),
    ...(other && { tuned: of(other) }),
  });
  const texts = textsOfTokens(ids, tokenizer, { skipSpecialTokens: false });
  const max = (token: OfBoth): number => Math.max(token.base, token.tuned ?? 0);
  return {
    of: places.length,
    tokens: measured.map((at, token) => ({
      ...texts[at],
      id: ids[at],
      loss: both(({ losses }) => losses[token]),
      top: [...new Set([...base.top[token], ...(other?.top[token] ?? [])])]
        .map((id) => ({
          id,
          text: textOfToken(id, ids[at - 1], tokenizer),
          ...both(({ probability }) => probability(token, id)),
        }))
        .sort((a, b) => max(b) - max(a)),
    })),
  };
}

/** @param logits [tokens, V] */
function sideOf(logits: Float32Array, wanted: readonly number[]): Side {
  const V = logits.length / wanted.length;
  const rows = wanted.map((_, token) => logits.subarray(token * V, (token + 1) * V));
  const totals = rows.map((row) => {
    const max = row.reduce((a, b) => Math.max(a, b), -Infinity);
    return max + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
  });
  return {
    losses: wanted.map((id, token) => totals[token] - rows[token][id]),
    top: rows.map(largest),
    probability: (token, id) => Math.exp(rows[token][id] - totals[token]),
  };
}

/** Indices of the largest values, the largest first; of equal ones the first. */
function largest(values: Float32Array): number[] {
  const kept: number[] = [];
  for (let at = 0; at < values.length; at++) {
    if (kept.length === CANDIDATES && values[at] <= values[kept[CANDIDATES - 1]]) continue;
    const place = kept.findIndex((other) => values[other] < values[at]);
    kept.splice(place < 0 ? kept.length : place, 0, at);
    if (kept.length > CANDIDATES) kept.pop();
  }
  return kept;
}
