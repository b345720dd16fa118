/** What a person is told of the data that was opened. */
import { histogramOf } from '../data/statistics.ts';
import type { DataSummary, Part } from './api.ts';
import type { DataSet } from './data.ts';
import type { OpenFile } from './open-data.ts';
import { firstPrompt } from './questions.ts';

/** Of each list; the rest is counted. */
const SHOWN = 100;

export function summarise(data: DataSet, main: OpenFile, other: OpenFile | undefined): DataSummary {
  const { entries, places, repeated, leaked, options } = data;
  const maxLength = options?.maxLength ?? 0;
  const count = (part: Part): number => places.filter((place) => place.part === part).length;
  const files = other ? [main, other] : [main];
  const sum = (of: (file: OpenFile) => number): number => files.reduce((total, file) => total + of(file), 0);
  // Lines are those of the first file; what is about the second says so.
  const foreign = other
    ? other.problems.map(({ line, reason }) => ({ line, reason: `${other.name}: ${reason}` }))
    : [];
  const prompt = firstPrompt(places);
  return {
    format: main.format,
    numbering: main.numbering,
    left: main.left,
    rows: { train: count('train'), validation: count('validation'), test: count('test') },
    tokens: sum(({ report }) => report.tokens),
    supervisedTokens: sum(({ report }) => report.supervisedTokens),
    longest: places.reduce((longest, { row }) => Math.max(longest, row.ids.length), 0),
    problems: [...main.problems, ...foreign].slice(0, SHOWN),
    problemCount: sum((file) => file.problemCount),
    cut: main.report.cut,
    dropped: main.report.dropped,
    unsupervised: main.report.unsupervised,
    notes: [...main.report.notes, ...(other ? notesOf(other, maxLength) : [])],
    listed: entries.length,
    ...(prompt !== undefined && { prompt }),
    lengths: histogramOf(
      entries.flatMap(({ length }) => (length > 0 ? [length] : [])),
      maxLength,
    ),
    repeated: repeated.size,
    leaks: [...leaked].slice(0, SHOWN).map(([at, of]) => ({
      at,
      part: entries[at].part ?? 'test',
      line: entries[at].line,
      of: entries[of].line,
    })),
    leakCount: leaked.size,
  };
}

function notesOf({ name, report }: OpenFile, maxLength: number): { note: string; lines: number[] }[] {
  return [
    { note: `${name}: rows longer than ${maxLength} tokens were cut.`, lines: report.cut },
    { note: `${name}: rows longer than ${maxLength} tokens were dropped.`, lines: report.dropped },
    { note: `${name}: rows without a supervised token were left out.`, lines: report.unsupervised },
    ...report.notes.map(({ note, lines }) => ({ note: `${name}: ${note}`, lines })),
  ].filter(({ lines }) => lines.length > 0);
}
