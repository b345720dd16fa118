/**
 * A large file of JSONL in sections, which two threads read side by side: each takes the next section that nobody has taken. What they find, put together in the
 * order of the sections, is what one pass over the file finds.
 */
import type { CertainRows } from './certain-rows.ts';
import { Collector, type Collected } from './collector.ts';
import type { ExampleReader, ReadOptions } from './formats.ts';
import { rowOnLine } from './json-sources.ts';
import { linesIn, type Bytes, type Content, type Section } from './lines.ts';
import type { Slicer } from './open-rows.ts';
import { phrasingsOf } from './phrasings.ts';
import { RowNumbers, type SentNumbers } from './row-numbers.ts';

/** What a section has: plain values, which another thread can send. Lines are counted from its first. */
export interface SectionRows {
  /** How many lines start in it. */
  readonly lines: number;
  readonly collected: Collected;
  readonly answered: SentNumbers;
  readonly prompts: SentNumbers;
}

/** What a section is read of and with. */
export interface SectionSource {
  /** The file behind its byte order mark. */
  readonly content: Bytes;
  readonly options: ReadOptions;
  readonly certain?: CertainRows | undefined;
}

/** Another thread that reads sections of the same file. */
export interface Sharer {
  /** Bytes of a section. */
  readonly sectionBytes: number;
  /** The number of the next section, which is the caller's from now on. It may be behind the last one. */
  take(): number;
  /** What the other thread has read by now. */
  readonly done: { readonly rows: number; readonly sections: number };
  /** What it read, by the numbers of the sections, as soon as it has ended. After a fault sections that it took are missing. */
  finished(): Promise<ReadonlyMap<number, SectionRows>>;
  /** Stops it. */
  end(): void;
}

/** Starts that thread. @returns undefined if it would not help with this file */
export type ShareSections = (source: SectionSource) => Sharer | undefined;

/** @returns what the section has; yields where a row ends */
export function* readSection(
  { content, options: { mapping, keepsColumns, mostProblems, unanswered }, certain }: SectionSource,
  section: Section,
): Generator<number, SectionRows> {
  const answered = new RowNumbers(content, mapping, certain);
  const prompts = new RowNumbers(content, mapping, certain);
  const collector = new Collector(
    mapping,
    keepsColumns,
    (example, source) => {
      if (source) (example.kind === 'prompt' ? prompts : answered).add(example, source);
    },
    mostProblems,
    unanswered,
  );
  let lines = 0;
  for (const line of linesIn(content, section)) {
    lines = line.number;
    const row = rowOnLine(line);
    if (!row) continue;
    collector.source = row;
    collector.row(row.line, () => row.read());
    yield row.end;
  }
  return { lines, collected: collector.collected, answered: answered.sent, prompts: prompts.sent };
}

/** The bytes of a section. */
export const sectionAt = (at: number, sectionBytes: number, { length }: Bytes): Section => ({
  start: at * sectionBytes,
  end: Math.min(length, (at + 1) * sectionBytes),
});

/** Whether sections of a file give what one pass gives: none of their rows depends on another one, nor on its line. */
export function hasSections(
  { kind }: ExampleReader,
  content: Content,
  { mapping }: ReadOptions,
): content is Bytes {
  const isByLine = mapping && 'prompt' in mapping && phrasingsOf(mapping.prompt).templates.length > 1;
  return kind === 'jsonl' && typeof content !== 'string' && !isByLine;
}

/**
 * Reads a file with another thread.
 *
 * @returns what its sections have, in their order; undefined if only one pass can say what the file has
 * @throws GraftError `bytes-read` if it became shorter
 */
export async function readSections(
  source: SectionSource,
  sharer: Sharer,
  slicer: Slicer,
): Promise<readonly SectionRows[] | undefined> {
  const { content } = source;
  const { sectionBytes } = sharer;
  const count = Math.ceil(content.length / sectionBytes);
  const found: SectionRows[] = [];
  let rows = 0;
  let bytes = 0;
  const read = async (at: number): Promise<void> => {
    const section = sectionAt(at, sectionBytes, content);
    const reading = readSection(source, section);
    for (;;) {
      const { value, done } = reading.next();
      if (done) {
        found[at] = value;
        bytes += section.end - section.start;
        return;
      }
      rows++;
      if (!slicer.due) continue;
      const { done: others } = sharer;
      await slicer.pause({
        what: 'reading',
        done: Math.min(
          content.length,
          bytes + others.sections * sectionBytes + Math.max(0, value - section.start),
        ),
        total: content.length,
        rows: rows + others.rows,
      });
    }
  };
  try {
    for (let at = sharer.take(); at < count; at = sharer.take()) await read(at);
    for (const [at, section] of await sharer.finished()) found[at] = section;
    for (let at = 0; at < count; at++) if (!(at in found)) await read(at);
  } finally {
    sharer.end();
  }
  return found.some(({ collected }) => collected.unused.isFull) ? undefined : found;
}
