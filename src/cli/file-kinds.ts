/** Refuses settings about reading that no file of the call is read by: where a document ends in a table, a delimiter in plain text. */
import { open } from 'node:fs/promises';
import { fileKind } from '../data/file-kind.ts';
import type { FileKind } from '../data/row-endings.ts';
import { ROW_SOURCES } from '../data/row-sources.ts';
import { GraftError } from '../errors.ts';
import { SHEET_HEAD_BYTES } from '../data/sheet-types.ts';
import type { dataFlags, rowFlags } from './row-flags.ts';
import type { FlagSpec, Flags } from './flags.ts';
import { fileNames, readTasks } from './task-files.ts';

type ReadingFlags = typeof dataFlags & Partial<typeof rowFlags> & { readonly overlong?: FlagSpec };
type Name = keyof typeof dataFlags | keyof typeof rowFlags | 'overlong';

/** The kinds of files that each flag is for. */
const FOR: readonly {
  readonly flags: readonly Name[];
  readonly kinds: readonly FileKind[];
  readonly what: string;
}[] = [
  { flags: ['documents', 'text-rows', 'text-overlap'], kinds: ['text'], what: 'plain text' },
  { flags: ['header', 'delimiter'], kinds: ['table'], what: 'CSV and TSV' },
  {
    flags: [
      'prompt-template',
      'input-template',
      'answer-template',
      'system-template',
      'text-template',
      'template',
      'overlong',
      'drop-duplicates',
    ],
    kinds: ['jsonl', 'json', 'parquet', 'table'],
    what: 'rows, and a text is divided into parts of the maximum length',
  },
];
/** What holds without the flag. */
const USUAL: Readonly<Partial<Record<Name, string>>> = { overlong: 'truncate-end' };

/**
 * Looks at the first bytes of the files that are named.
 *
 * @throws GraftError `arguments` naming the flag. A file that cannot be read is left to whoever reads all of it
 */
export async function checkReading<Specs extends ReadingFlags>(flags: Flags<Specs>): Promise<void> {
  const data = flags.text('data');
  if (data === undefined) return;
  const more = flags.text('more-data');
  const test = flags.text('test-data');
  const paths = [
    ...readTasks(data).map(({ path }) => path),
    ...(more === undefined ? [] : fileNames(more)),
    ...(test === undefined ? [] : [test]),
  ];
  const kinds = (await Promise.all(paths.map(kindOfFile))).filter((kind) => kind !== undefined);
  if (kinds.length < paths.length) return;
  for (const { flags: names, kinds: wanted, what } of FOR) {
    if (kinds.some((kind) => wanted.includes(kind))) continue;
    const idle = names.find(
      (name) => flags.isGiven(name) && (flags.text(name) ?? flags.on(name)) !== (USUAL[name] ?? false),
    );
    if (idle !== undefined)
      throw new GraftError(
        'arguments',
        `--${idle} would do nothing: it is for ${what}, and ${paths[0]} is ${nameOf(kinds[0])}.`,
        'Leave it out.',
      );
  }
}

const nameOf = (kind: FileKind): string =>
  kind === 'text' ? 'plain text' : kind === 'table' ? 'a table' : ROW_SOURCES[kind].label;

async function kindOfFile(path: string): Promise<FileKind | undefined> {
  // Files in a zip may be of several kinds.
  if (/\.zip$/i.test(path)) return undefined;
  try {
    const handle = await open(path);
    try {
      const { bytesRead, buffer } = await handle.read(
        new Uint8Array(SHEET_HEAD_BYTES),
        0,
        SHEET_HEAD_BYTES,
        0,
      );
      return fileKind(buffer.subarray(0, bytesRead), path);
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Reading all of it says why.
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
