/**
 * A preview of a row before training: every token's text, whether it is learnt from, whether the limit cuts it. Of a very long row, only the tokens
 * around the places that matter; counts and the overview cover all of it.
 */
import type { LimitedRow } from './limit.ts';
import { textsOfTokens, type CharacterPart } from './token-text.ts';
import type { Tokenizer } from './tokenizer.ts';
import { IGNORED, type TokenRow } from './trainable.ts';

/** Tokens of a row that is shown whole. */
const MAX_WHOLE = 1500;
/** A longer row shows tokens from its start, on both sides of a place where the limit cuts or the answer starts, and to its end. */
const SHOWN_FIRST = 300;
const SHOWN_AROUND = 100;
const SHOWN_LAST = 200;
/** Tokens before a part on which its first token's text depends. */
const CONTEXT = 8;
/** More runs than can be told apart in a bar. */
const MAX_SPANS = 400;

export interface PreviewToken {
  /** Its place in the row, from 0. */
  readonly at: number;
  readonly id: number;
  /** What the token adds to the text: '' inside a character of several tokens, which its first token has. */
  readonly text: string;
  /** The character that it is a part of, if that takes several tokens. */
  readonly part?: CharacterPart;
  readonly supervised: boolean;
  readonly cut: boolean;
}

/** A run of tokens with the same fate. */
interface PreviewSpan {
  readonly start: number;
  readonly length: number;
  readonly kind: 'prompt' | 'answer' | 'gone';
}

export interface Preview<Token = PreviewToken> {
  /** Tokens of the row, those of them that are learnt from, and those that the limit takes. */
  readonly length: number;
  readonly supervised: number;
  readonly cut: number;
  readonly spans: readonly PreviewSpan[];
  /** In the row's order; hidden tokens are missing. */
  readonly tokens: readonly Token[];
}

/** The parts [start, end) of a row that are shown, in order. */
function shownParts(length: number, places: readonly number[]): [number, number][] {
  if (length <= MAX_WHOLE) return [[0, length]];
  const parts: [number, number][] = [[0, SHOWN_FIRST]];
  const add = (start: number, end: number): void => {
    const last = parts[parts.length - 1];
    if (start <= last[1]) last[1] = Math.max(last[1], end);
    else parts.push([start, end]);
  };
  for (const place of [...places].sort((a, b) => a - b))
    if (place > 0 && place < length)
      add(Math.max(0, place - SHOWN_AROUND), Math.min(length, place + SHOWN_AROUND));
  add(length - SHOWN_LAST, length);
  return parts;
}

/** For too many runs to see: equal pieces of the row, each with the fate of its middle. */
function thinned(spans: readonly PreviewSpan[], length: number): readonly PreviewSpan[] {
  if (spans.length <= MAX_SPANS) return spans;
  const found: PreviewSpan[] = [];
  let at = 0;
  for (let piece = 0; piece < MAX_SPANS; piece++) {
    const start = Math.round((piece * length) / MAX_SPANS);
    const end = Math.round(((piece + 1) * length) / MAX_SPANS);
    while (spans[at].start + spans[at].length <= (start + end) / 2) at++;
    found.push({ start, length: end - start, kind: spans[at].kind });
  }
  return found;
}

/** @param row before the limit; @param limited what applyLimit made of it. Texts of a row that is shown whole add up to the decoded row. */
export function previewRow(row: TokenRow, limited: LimitedRow, tokenizer: Tokenizer): Preview {
  const { ids, labels } = row;
  const { length } = ids;
  const isLearnt = (t: number): boolean => t > 0 && labels[t] !== IGNORED;
  const isCut = (t: number): boolean => limited.removed.some(([start, end]) => t >= start && t < end);
  const spans: { start: number; length: number; kind: PreviewSpan['kind'] }[] = [];
  const counts = { prompt: 0, answer: 0, gone: 0 };
  for (let t = 0; t < length; t++) {
    const kind = isCut(t) ? 'gone' : isLearnt(t) ? 'answer' : 'prompt';
    counts[kind]++;
    const last = spans.at(-1);
    if (last?.kind === kind) last.length++;
    else spans.push({ start: t, length: 1, kind });
  }
  const answer = labels.findIndex((_, t) => isLearnt(t));
  const tokens: PreviewToken[] = [];
  for (const [start, end] of shownParts(length, [answer, ...limited.removed.flat()])) {
    const context = ids.slice(Math.max(0, start - CONTEXT), start);
    textsOfTokens(ids.slice(start, end), tokenizer, { context }).forEach((text, i) => {
      const at = start + i;
      tokens.push({ at, id: ids[at], ...text, supervised: isLearnt(at), cut: isCut(at) });
    });
  }
  return {
    length,
    supervised: counts.answer,
    cut: counts.gone,
    spans: thinned(spans, length),
    tokens,
  };
}
