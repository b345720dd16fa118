/**
 * The rows of a file with a row a line, without the rows: where each is, and the little that is asked of all of them before a run begins. A row takes
 * 36 bytes here, whatever its length, and no object; its example is read again when it is needed.
 */
import { GraftError } from '../errors.ts';
import { Collector, objectOf, type SourceRow } from './collector.ts';
import type { Example } from './example.ts';
import { utf8, type Bytes } from './lines.ts';
import type { Mapping } from './mapping.ts';
import { outlineOf, type Outline } from './outline.ts';
import { saidBy } from '../text/trainable.ts';
import { identityOf } from './statistics.ts';

/** A list of numbers that grows without an object for each. */
class Column<Numbers extends Float64Array | Uint32Array> {
  length = 0;

  constructor(private numbers: Numbers) {}

  push(value: number): void {
    if (this.length === this.numbers.length) {
      const Larger = this.numbers.constructor as new (length: number) => Numbers;
      const larger = new Larger(2 * this.length);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers[this.length++] = value;
  }

  at(index: number): number {
    return this.numbers[index];
  }
}

const FIRST_ROOM = 4096;
const column = (): Column<Uint32Array> => new Column(new Uint32Array(FIRST_ROOM));

export type Hashes = readonly [number, number];

/** A hash of two. */
function mixed(one: number, other: number): number {
  const hash = Math.imul(one ^ (one >>> 16), 0x85ebca6b) + other;
  return Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
}

/** Two characters, as 32 bits. */
const twoAt = (text: string, at: number): number => text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);

/**
 * Two hashes of 32 bits over texts, each with its length, so that no two lists of texts look alike. Four lanes, since hashing is a good part of the
 * time of reading and a processor multiplies for all of them at once.
 */
class Hasher {
  #one = 0x9e3779b9;
  #other = 0x7f4a7c15;

  add(text: string): this {
    const { length } = text;
    let a = this.#one ^ length;
    let b = Math.imul(this.#other + length, 0x27d4eb2f);
    let c = a ^ 0x165667b1;
    let d = b ^ 0x3c6ef372;
    let at = 0;
    for (; at + 8 <= length; at += 8) {
      a = Math.imul(a ^ twoAt(text, at), 0x85ebca6b);
      b = Math.imul(b ^ twoAt(text, at + 2), 0xc2b2ae35);
      c = Math.imul(c ^ twoAt(text, at + 4), 0x27d4eb2f);
      d = Math.imul(d ^ twoAt(text, at + 6), 0x9e3779b1);
      a ^= a >>> 15;
      b ^= b >>> 13;
      c ^= c >>> 16;
      d ^= d >>> 14;
    }
    for (; at < length; at++) {
      const unit = text.charCodeAt(at);
      a = Math.imul(a ^ unit, 0x85ebca6b);
      a ^= a >>> 15;
      b = Math.imul(b ^ unit, 0xc2b2ae35);
      b ^= b >>> 13;
    }
    // Each lane reaches both hashes by ways of its own.
    this.#one = mixed(mixed(a, c), mixed(b, d));
    this.#other = mixed(mixed(d, a), mixed(c, b));
    return this;
  }

  get hashes(): Hashes {
    const [one, other] = [Math.imul(this.#one, 0x27d4eb2f), Math.imul(this.#other, 0x165667b1)];
    return [(one ^ (one >>> 16)) >>> 0, (other ^ (other >>> 16)) >>> 0];
  }
}

/** Equal for examples that teach the same, as `identityOf` is. Of a million different rows, two are taken for equal once in 30 million files. */
export function hashesOf(example: Example): Hashes {
  const hasher = new Hasher();
  switch (example.kind) {
    case 'completion':
      hasher.add('completion').add(example.prompt.trim()).add(example.completion.trim());
      if (example.untrained) hasher.add(JSON.stringify(example.untrained));
      return hasher.hashes;
    case 'messages':
      hasher.add('messages');
      for (const message of example.messages) {
        hasher.add(message.role).add(saidBy(message).trim());
        if (message.untrained) hasher.add(JSON.stringify(message.untrained));
      }
      if (example.tools) hasher.add(JSON.stringify(example.tools));
      return hasher.hashes;
    default:
      return hasher.add(identityOf(example)).hashes;
  }
}

/** Forms have numbers, since most files have one or two. Rows of further ones have none. */
const MAX_FORMS = 1000;

export class RowIndex {
  readonly #lines = column();
  readonly #starts = new Column(new Float64Array(FIRST_ROOM));
  readonly #lengths = column();
  readonly #hashes = [column(), column()] as const;
  readonly #max = column();
  readonly #mostBefore = column();
  readonly #forms = column();
  readonly #names: (string | undefined)[] = [undefined];
  readonly #numbers = new Map<string, number>();
  readonly #kinds = new Set<Example['kind']>();
  readonly #collector: Collector;
  readonly #decoder = utf8();
  /** Whether the mapping adds characters of its own that are not ASCII. */
  readonly #isWide: boolean;

  /**
   * @param bytes of the file, after its byte order mark
   * @param mapping that its rows are read with
   */
  constructor(
    private readonly bytes: Bytes,
    private readonly fileName: string,
    mapping: Mapping | undefined,
  ) {
    this.#collector = new Collector(mapping);
    this.#isWide = mapping !== undefined && /[^\0-\x7f]/.test(JSON.stringify(mapping));
  }

  get length(): number {
    return this.#lines.length;
  }

  add(example: Example, { text, start, length }: SourceRow): void {
    if (text === undefined || start === undefined || length === undefined)
      throw new Error('The row has no bytes of its own');
    // A line of ASCII has texts of ASCII, unless it escapes other characters.
    const isPlain = length === text.length && !this.#isWide && !text.includes('\\u');
    const { form, most: max, mostBefore } = outlineOf(example, isPlain ? 1 : 3);
    const [one, other] = hashesOf(example);
    this.#kinds.add(example.kind);
    this.#lines.push(example.line);
    this.#starts.push(start);
    this.#lengths.push(length);
    this.#hashes[0].push(one);
    this.#hashes[1].push(other);
    this.#max.push(max);
    this.#mostBefore.push(mostBefore);
    this.#forms.push(this.#numberOf(form));
  }

  /** The kinds of its examples. */
  get kinds(): readonly Example['kind'][] {
    return [...this.#kinds];
  }

  lineOf(row: number): number {
    return this.#lines.at(row);
  }

  hashesOf(row: number): Hashes {
    return [this.#hashes[0].at(row), this.#hashes[1].at(row)];
  }

  outlineOf(row: number): Outline {
    return {
      form: this.#names[this.#forms.at(row)],
      most: this.#max.at(row),
      mostBefore: this.#mostBefore.at(row),
    };
  }

  /** @throws GraftError `data-changed` if the file has another row there now */
  exampleOf(row: number): Example {
    const start = this.#starts.at(row);
    const line = this.lineOf(row);
    const examples = this.#collector.examples;
    try {
      const text = this.#decoder.decode(this.bytes.subarray(start, start + this.#lengths.at(row)));
      this.#collector.row(line, () => objectOf(text));
    } catch (cause) {
      throw this.#changed(line, cause);
    }
    const example = examples.pop();
    if (!example) throw this.#changed(line, this.#collector.problems.at(-1)?.reason);
    const [one, other] = hashesOf(example);
    if (one !== this.#hashes[0].at(row) || other !== this.#hashes[1].at(row)) throw this.#changed(line);
    return example;
  }

  #changed(line: number, cause?: unknown): GraftError {
    return new GraftError(
      'data-changed',
      `Line ${line} of ${this.fileName} has changed since the run started.`,
      'Start the run again, and do not change the file while a run reads it.',
      { cause },
    );
  }

  #numberOf(form: string | undefined): number {
    if (form === undefined) return 0;
    let number = this.#numbers.get(form);
    if (number === undefined) {
      if (this.#names.length > MAX_FORMS) return 0;
      number = this.#names.push(form) - 1;
      this.#numbers.set(form, number);
    }
    return number;
  }
}

/**
 * The rows that have copies, each with the first row that equals it, which may be itself.
 *
 * @param hashesOf the hashes of a row
 */
export function equalRows(count: number, hashesOf: (row: number) => Hashes): ReadonlyMap<number, number> {
  let size = 16;
  while (size < 2 * count) size *= 2;
  /** First rows, by their hashes; one more than the row, so that 0 is an empty place. */
  const firsts = new Uint32Array(size);
  const equal = new Map<number, number>();
  for (let row = 0; row < count; row++) {
    const [one, other] = hashesOf(row);
    for (let at = one & (size - 1); ; at = (at + 1) & (size - 1)) {
      if (firsts[at] === 0) {
        firsts[at] = row + 1;
        break;
      }
      const first = firsts[at] - 1;
      const known = hashesOf(first);
      if (known[0] === one && known[1] === other) {
        equal.set(first, first).set(row, first);
        break;
      }
    }
  }
  return equal;
}
