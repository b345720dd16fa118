/** The thread that reads sections of a large file of rows while the command reads others. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { CertainRows } from '../data/certain-rows.ts';
import { behind, type ReadOptions } from '../data/formats.ts';
import type { Bytes } from '../data/lines.ts';
import type { PrepareOptions } from '../data/prepare.ts';
import {
  readSection,
  sectionAt,
  type SectionRows,
  type SectionSource,
  type Sharer,
} from '../data/sections.ts';
import { tokenizerFrom, type TokenizerSource } from '../text/tokenizer.ts';
import { FileBytes } from './files.ts';

/** A smaller file is read sooner than a thread starts. */
const LARGE_BYTES = 2 ** 26;
/** Small enough that neither thread waits long for the last section of the other one. */
const SECTION_BYTES = 2 ** 23;

/** What the thread gets at its start. */
export interface SharedReading {
  readonly path: string;
  readonly length: number;
  readonly handle: number;
  /** The bytes of its byte order mark. */
  readonly mark: number;
  readonly options: ReadOptions;
  readonly certain: { readonly tokenizer: TokenizerSource; readonly options: PrepareOptions } | undefined;
  readonly sectionBytes: number;
  /** What both threads count, at {@link NEXT} and the places after it. */
  readonly counters: Int32Array<SharedArrayBuffer>;
}

/** A section that the thread has read. */
export interface ReadSection {
  readonly at: number;
  readonly rows: SectionRows;
}

/** Places of the counters: the next section, and the sections and rows that the other thread has read. */
const [NEXT, SECTIONS, ROWS] = [0, 1, 2];

const take = (counters: SharedReading['counters']): number => Atomics.add(counters, NEXT, 1);

/** @returns undefined for bytes that another thread cannot read, and for a file or a machine that is too small */
export function startSharer(
  bytes: Bytes,
  { content, options, certain }: SectionSource,
  { least = LARGE_BYTES, sectionBytes = SECTION_BYTES } = {},
): Sharer | undefined {
  if (!(bytes instanceof FileBytes) || bytes.length < least || availableParallelism() < 2) return undefined;
  const tokenizer = certain?.tokenizer.source;
  if (certain && !tokenizer) return undefined;
  const counters = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  const { path, length, handle } = bytes;
  const reading: SharedReading = {
    ...{ path, length, handle, mark: length - content.length, options },
    certain: certain && tokenizer && { tokenizer, options: certain.options },
    ...{ sectionBytes, counters },
  };
  const worker = new Worker(new URL('../../bin/section-thread.mjs', import.meta.url), {
    workerData: reading,
  });
  const found = new Map<number, SectionRows>();
  worker.on('message', ({ at, rows }: ReadSection) => void found.set(at, rows));
  const finished = new Promise<ReadonlyMap<number, SectionRows>>((resolve) => {
    // The command then reads what is missing, and says what is wrong with it.
    worker.once('error', () => undefined);
    worker.once('exit', () => resolve(found));
  });
  // A command that fails does not wait for it.
  worker.unref();
  return {
    sectionBytes,
    take: () => take(counters),
    get done() {
      return { sections: counters[SECTIONS], rows: counters[ROWS] };
    },
    finished() {
      worker.ref();
      return finished;
    },
    end: () => void worker.terminate(),
  };
}

/** Reads sections until all are taken: the work of the thread. */
export function shareReading(reading: SharedReading, send: (section: ReadSection) => void): void {
  const { path, length, handle, mark, options, certain, sectionBytes, counters } = reading;
  const content = behind(new FileBytes(path, length, handle), mark);
  const source = {
    ...{ content, options },
    certain: certain && new CertainRows(tokenizerFrom(certain.tokenizer), certain.options),
  };
  const count = Math.ceil(content.length / sectionBytes);
  for (let at = take(counters); at < count; at = take(counters)) {
    const reading = readSection(source, sectionAt(at, sectionBytes, content));
    let rows = 0;
    let step = reading.next();
    for (; !step.done; step = reading.next()) rows++;
    send({ at, rows: step.value });
    counters[ROWS] += rows;
    counters[SECTIONS]++;
  }
}
