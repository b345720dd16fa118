/** Rows that are left out, as a person writes them: `12,40-44,test:7,more:3` (`--skip-rows`). */
import { GraftError } from '../errors.ts';
import { ROWS_FILE, TEST_FILE, type Skipped } from './parts.ts';

const FIRST_MORE_FILE = 2;
/** The longest range: a list names single rows, not most of a file. */
const MAX_ROWS = 1_000_000;

const ITEM = /^(?:(test|more\d*):)?(\d{1,12})(?:-(\d{1,12}))?$/;

function nameOfFile(file: number): string {
  if (file === ROWS_FILE) return '';
  if (file === TEST_FILE) return 'test:';
  return file === FIRST_MORE_FILE ? 'more:' : `more${file - TEST_FILE}:`;
}

function fileOf(name: string | undefined): number {
  if (name === undefined) return ROWS_FILE;
  if (name === 'test') return TEST_FILE;
  return TEST_FILE + Math.max(1, Number(name.slice('more'.length)));
}

/** The shortest list that {@link parseSkipped} reads as these rows; '' for none. */
export function writeSkipped(skipped: Skipped): string {
  return skipped
    .flatMap((lines, file) => {
      const sorted = [...new Set(lines)].sort((a, b) => a - b);
      const items: string[] = [];
      for (let at = 0; at < sorted.length;) {
        let end = at;
        while (sorted[end + 1] === sorted[end] + 1) end++;
        items.push(`${nameOfFile(file)}${sorted[at]}${end > at ? `-${sorted[end]}` : ''}`);
        at = end + 1;
      }
      return items;
    })
    .join(',');
}

/** @throws GraftError `arguments` for an item that is no row, or a range of too many */
export function parseSkipped(text: string): Skipped {
  const files: number[][] = [];
  for (const item of text.split(',')) {
    const [, name, start, last = start] = ITEM.exec(item.trim()) ?? [];
    const [from, to] = [Number(start), Number(last)];
    if (start === undefined || from < 1 || to < from || to - from >= MAX_ROWS)
      throw new GraftError(
        'arguments',
        `--skip-rows has “${item.slice(0, 40)}”, which is not a row.`,
        'Write lines as in 12,40-44; those of --test-data as test:7, those of --more-data as more:3 or more2:3.',
      );
    const file = fileOf(name);
    while (files.length <= file) files.push([]);
    for (let line = from; line <= to; line++) files[file].push(line);
  }
  return files;
}

/** Leaves a row out as well. */
export function withSkipped(skipped: Skipped | undefined, file: number, line: number): Skipped {
  const files = Array.from({ length: Math.max(file + 1, skipped?.length ?? 0) }, (_, at) => [
    ...(skipped?.[at] ?? []),
  ]);
  if (!files[file].includes(line)) files[file].push(line);
  files[file].sort((a, b) => a - b);
  return files;
}

/** Leaves the rows of another list out as well. */
export function withAllSkipped(skipped: Skipped | undefined, more: Skipped): Skipped {
  const files = Math.max(skipped?.length ?? 0, more.length);
  return Array.from({ length: files }, (_, file) =>
    [...new Set([...(skipped?.at(file) ?? []), ...(more.at(file) ?? [])])].sort((a, b) => a - b),
  );
}

/** The list after a file was removed: files after it move up, except that the index of test rows stays. */
export function withoutFile(skipped: Skipped | undefined, file: number): Skipped | undefined {
  const files = (skipped ?? []).map((lines, at) => (at === file ? [] : lines));
  const left = file > TEST_FILE ? files.filter((_, at) => at !== file) : files;
  return left.some((lines) => lines.length > 0) ? left : undefined;
}

/** Includes a row again; undefined if none is left out any more. */
export function withoutSkipped(
  skipped: Skipped | undefined,
  file: number,
  line: number,
): Skipped | undefined {
  const files = (skipped ?? []).map((lines, at) =>
    at === file ? lines.filter((other) => other !== line) : lines,
  );
  return files.some((lines) => lines.length > 0) ? files : undefined;
}
