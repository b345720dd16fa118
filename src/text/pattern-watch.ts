/**
 * The steps of a tokenizer that run patterns of its file (`Split`, `Replace`), with a limit on their time. `needsWatch` tells which patterns
 * cannot take long; the others run one attempt at a time here, at most N steps each for a text of N characters, and what they take is
 * added up over all texts that the tokenizer meets. A pattern that takes a hundred times as long as usual is stopped.
 */
import type { Tokenizer as Library } from '@huggingface/tokenizers';
import { GraftError } from '../errors.ts';
import { needsWatch } from './patterns.ts';

/** Patterns in use take under 0.0001 ms a character on an idle machine. */
const MILLISECONDS_PER_CHAR = 0.01;
/** The initial allowance of every tokenizer: a busy machine should not count as a slow pattern. */
const FIRST_MILLISECONDS = 5_000;
/** Attempts between two checks of the clock. */
const ATTEMPTS = 32;
/** The most that the time between two checks counts: the machine may have slept. */
const MAX_BETWEEN = 500;

/** Internals of the library's steps; a step has some of these. */
interface Step {
  readonly pattern?: RegExp | null;
  readonly content?: string;
  readonly config?: { readonly invert?: boolean; readonly behavior?: string; readonly content?: string };
  readonly normalizers?: readonly Step[];
  readonly tokenizers?: readonly Step[];
  readonly decoders?: readonly Step[];
  pre_tokenize_text?(text: string): string[];
  normalize?(text: string): string;
  decode_chain?(tokens: readonly string[]): string[];
}

/** The time of one pattern. */
class Watch {
  #allowed = FIRST_MILLISECONDS;
  #taken = 0;

  constructor(readonly where: string) {}

  /** Adds the allowance of a text with this many characters. */
  allow(chars: number): void {
    this.#allowed += chars * MILLISECONDS_PER_CHAR;
  }

  /** @throws GraftError `tokenizer-pattern` */
  add(milliseconds: number): void {
    this.#taken += Math.min(milliseconds, MAX_BETWEEN);
    if (this.#taken <= this.#allowed) return;
    throw new GraftError(
      'tokenizer-pattern',
      `${this.where} was stopped: its regular expression takes too long on this text.`,
      'Use the tokenizer files that the model was published with.',
    );
  }
}

/**
 * The matches of a pattern, as `matchAll` finds them: from left to right, each attempt at a place of its own.
 * @param sticky with the flags `y` and `u`
 */
function* matchesOf(text: string, sticky: RegExp, watch: Watch): Generator<[start: number, end: number]> {
  watch.allow(text.length);
  let looked = performance.now();
  let attempts = 0;
  for (let at = 0; at <= text.length;) {
    sticky.lastIndex = at;
    const isMatch = sticky.test(text);
    const end = sticky.lastIndex;
    if (isMatch) yield [at, end];
    if (isMatch && end > at) at = end;
    else at += text.codePointAt(at)! > 0xffff ? 2 : 1;
    if (++attempts % ATTEMPTS === 0) {
      const now = performance.now();
      watch.add(now - looked);
      looked = now;
    }
  }
  watch.add(performance.now() - looked);
}

/** As the library splits. */
function splitter(step: Step, sticky: RegExp, watch: Watch): (text: string) => string[] {
  const { invert = true, behavior } = step.config ?? {};
  const keepsMatches = invert || behavior?.toLowerCase() !== 'removed';
  const keepsOthers = !invert;
  return (text) => {
    const parts: string[] = [];
    let done = 0;
    for (const [start, end] of matchesOf(text, sticky, watch)) {
      if (keepsOthers && start > done) parts.push(text.slice(done, start));
      if (keepsMatches && end > start) parts.push(text.slice(start, end));
      done = end;
    }
    if (keepsOthers && done < text.length) parts.push(text.slice(done));
    return parts;
  };
}

/** As the reference implementation replaces: the library takes `$&` and the like in the content for parts of the text. */
function replacer(pattern: RegExp, content: string, watch: Watch | undefined): (text: string) => string {
  if (!watch) return (text) => text.replaceAll(pattern, () => content);
  return (text) => {
    let replaced = '';
    let done = 0;
    for (const [start, end] of matchesOf(text, pattern, watch)) {
      replaced += text.slice(done, start) + content;
      done = end;
    }
    return replaced + text.slice(done);
  };
}

function flat(step: Step | null): Step[] {
  if (!step) return [];
  const inside = step.normalizers ?? step.tokenizers ?? step.decoders;
  return inside ? inside.flatMap(flat) : [step];
}

/**
 * Replaces the library's steps by watched ones.
 * @param where the file's name, for messages
 * @throws GraftError `tokenizer-pattern` for a pattern that could take forever
 */
export function watchPatterns(library: Library, where: string): void {
  const { normalizer, pre_tokenizer, decoder } = library as unknown as Record<string, Step | null>;
  for (const [part, first] of Object.entries({ normalizer, pre_tokenizer, decoder })) {
    for (const step of flat(first)) {
      const { pattern } = step;
      // Other steps use the library's own patterns.
      const isSplit = step.pre_tokenize_text !== undefined && step.config?.behavior !== undefined;
      const isReplace = step.normalize !== undefined || step.decode_chain !== undefined;
      if (!(pattern instanceof RegExp) || !(isSplit || isReplace)) continue;
      const name = `${where}: ${part}`;
      const watch = needsWatch(pattern.source, name) ? new Watch(name) : undefined;
      const own = watch ? new RegExp(pattern.source, 'yu') : pattern;
      if (isSplit) {
        if (watch) step.pre_tokenize_text = splitter(step, own, watch);
        continue;
      }
      const replace = replacer(own, step.config?.content ?? '', watch);
      if (step.normalize) step.normalize = replace;
      if (step.decode_chain) step.decode_chain = (tokens) => tokens.map(replace);
    }
  }
}
