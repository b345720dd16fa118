/** The texts of rows that the rules compare. */
import { itemsOf, type List } from '../../lists.ts';
import { saidBy, singleOf, type TrainableMessage } from '../../text/trainable.ts';
import type { Example } from '../example.ts';
import { hashesOf } from '../row-hashes.ts';
import type { Checked, CheckRow } from './finding.ts';

/** A row that can be read. */
export interface ReadRow {
  readonly row: number;
  readonly example: Example;
}

/** The rows that can be read. */
export function* readRows(rows: List<CheckRow>): Generator<ReadRow> {
  for (const { row, example } of itemsOf(rows)) if (example) yield { row, example };
}

/** Whether a row of the file measures, and is not learned from. */
export const isTested = ({ held }: Checked, { row }: CheckRow): boolean => held?.has(row) === true;

/** The rows that measure: those of the test file, and those of the rows. */
export function* testedOf(checked: Checked): Generator<ReadRow> {
  const { rows, test = [], held } = checked;
  yield* readRows(test);
  if (!held || held.size === 0) return;
  // Rows of large files are read as their examples are asked for.
  for (const row of itemsOf(rows))
    if (isTested(checked, row) && row.example) yield { row: row.row, example: row.example };
}

const textsOf = (messages: readonly TrainableMessage[]): string =>
  messages
    .filter(({ role }) => role !== 'system')
    .map(saidBy)
    .join('\n');

/** Everything before the last answer, without the system message; of plain text all of it. '' for ready tokens. */
export function textOfQuestion(given: Example): string {
  const example = singleOf(given);
  switch (example.kind) {
    case 'completion':
      return example.prompt;
    case 'messages':
      return textsOf(beforeAnswer(example.messages));
    case 'text':
      return example.text;
    case 'prompt':
      return typeof example.prompt === 'string' ? example.prompt : textsOf(example.prompt);
    case 'query':
      return example.query;
    case 'tokens':
      return '';
  }
}

/** The turns before the last answer. */
function beforeAnswer(messages: readonly TrainableMessage[]): readonly TrainableMessage[] {
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  return last < 0 ? messages : messages.slice(0, last);
}

/** What is asked and what is answered, for rows with one of each; system messages belong to what is asked. */
export const askedOf = ofRow(askedIn);

function askedIn(given: Example): { readonly asked: string; readonly answer: string } | undefined {
  const { kind } = given;
  if (kind === 'completion') return { asked: normal(given.prompt), answer: normal(given.completion) };
  if (kind !== 'messages') return undefined;
  const before = beforeAnswer(given.messages);
  const asked = JSON.stringify(before.map((message) => [message.role, normal(saidBy(message))]));
  const answer = given.messages.at(before.length);
  return { asked, answer: answer ? normal(saidBy(answer)) : '' };
}

const normal = (text: string): string => text.trim().replace(/\s+/g, ' ');

/** The hash of each word of a row (`wordHashesOf`), and its hashes as a whole. */
export const wordsOfRow = ofRow((example) => wordHashesOf(wholeRowText(example)));
export const hashesOfRow = ofRow(hashesOf);

/** What several rules ask of the row that they all look at: it is made once for them. */
function ofRow<Made>(make: (example: Example) => Made): (example: Example) => Made {
  let last: { readonly example: Example; readonly made: Made } | undefined;
  return (example) => {
    if (last?.example !== example) last = { example, made: make(example) };
    return last.made;
  };
}

/** All texts of a row, both answers of a pair among them. */
export function wholeRowText(example: Example): string {
  switch (example.kind) {
    case 'pair':
      return `${wholeRowText({ ...example.chosen, line: 0 })}\n${wholeRowText({ ...example.rejected, line: 0 })}`;
    case 'unpaired':
      return wholeRowText({ ...example.answer, line: 0 });
    case 'completion':
      return `${example.prompt}\n${example.completion}`;
    case 'messages':
      return example.messages.map(saidBy).join('\n');
    case 'text':
      return example.text;
    case 'prompt':
      return textOfQuestion(example);
    case 'query':
      return [example.query, example.positive, ...example.negatives].join('\n');
    case 'tokens':
      return '';
  }
}

/** A longer text is compared by its start. */
const MAX_WORDS_CHARS = 64 * 1024;

/** Words in lower case, without punctuation: letters and digits of any script. */
export const wordsOf = (text: string): string[] =>
  text
    .slice(0, MAX_WORDS_CHARS)
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? [];

const FNV_START = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over a word, as an unsigned 32-bit number. */
export function wordHash(text: string): number {
  let hash = FNV_START;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  return hash >>> 0;
}

/** Mixes all bits of a number (the finaliser of MurmurHash3). */
export function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const NOT_ASCII = /[\u0080-\uffff]/;

/** The hash of each word of a text (`wordsOf`). Most texts are ASCII and need no strings for their words, which would be most of the garbage of a check. */
export function wordHashesOf(text: string): Uint32Array {
  if (NOT_ASCII.test(text)) return Uint32Array.from(wordsOf(text), wordHash);
  const lower = text.slice(0, MAX_WORDS_CHARS).toLowerCase();
  // Words and what separates them take turns.
  const hashes = new Uint32Array((lower.length >> 1) + 1);
  let count = 0;
  let hash = FNV_START;
  for (let at = 0; at <= lower.length; at++) {
    const code = at < lower.length ? lower.charCodeAt(at) : 0;
    const isWord = (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39);
    if (isWord) hash = Math.imul(hash ^ code, FNV_PRIME);
    else if (hash !== FNV_START) {
      hashes[count++] = hash;
      hash = FNV_START;
    }
  }
  return hashes.subarray(0, count);
}

/** Distinct hashes of each `size` words in a row, ascending; of a shorter text one hash of all, and none of an empty one. */
export function shinglesOf(hashes: Uint32Array, size: number): Uint32Array {
  if (hashes.length === 0) return new Uint32Array();
  const result = new Uint32Array(Math.max(1, hashes.length - size + 1));
  for (let start = 0; start < result.length; start++) {
    const end = Math.min(start + size, hashes.length);
    for (let at = start; at < end; at++) result[start] = mixed(Math.imul(result[start], 31) + hashes[at]);
  }
  result.sort();
  let kept = 1;
  for (let at = 1; at < result.length; at++) if (result[at] !== result[at - 1]) result[kept++] = result[at];
  return result.slice(0, kept);
}
