/** docs/reference/odd-files.md: what is said about broken and odd files of rows, from reading each of them as page and command do. */
import { ExampleReader } from '../../src/data/formats.ts';
import { nothingUsable } from '../../src/data/nothing-usable.ts';
import { RowsZip } from '../../src/data/zip-rows.ts';
import { GraftError } from '../../src/errors.ts';
import { code, heading, page, plain, table } from './markdown.ts';
import { oddFiles, type OddFile } from './odd-file-table.ts';

const INTRODUCTION = `Every file here is made and read when this page is written, by the same functions as on the page and in the command. Good rows next to bad ones are kept.
A row that can be read may still be worth a look: see [findings](findings.md). Every error with its code is in [errors](errors.md).`;

const MAX_LENGTH = 1024;
const NO_ENTRIES = {
  entries: [],
  options: { maxLength: MAX_LENGTH, overlong: 'truncate-end' },
  maxPositions: MAX_LENGTH,
} as const;

/** Every JavaScript engine has its own words for a fault of JSON or UTF-8. */
const inAnyEngine = (reason: string): string =>
  reason.replace(/: [^:]* (?:in|after) JSON\b.*$/, '').replace(/ \(The encoded data .*\)$/, '');

/** How a file is read. */
export interface OddOutcome {
  readonly rows: number;
  /** What is said, in sentences. */
  readonly said: readonly string[];
}

const outcomeOfError = (error: unknown): OddOutcome => {
  if (!(error instanceof GraftError)) throw error;
  return { rows: 0, said: [`${inAnyEngine(error.what)} ${error.remedy}`] };
};

function outcomeOfRows({ name, bytes }: Pick<OddFile, 'name' | 'bytes'>): OddOutcome {
  try {
    const reader = new ExampleReader(bytes, { fileName: name });
    const shares = reader.read();
    while (!shares.next().done);
    if (reader.unmapped) throw reader.unmapped;
    const { examples, problems, problemCount, numbering } = reader.result();
    if (examples.length === 0)
      throw nothingUsable({ ...{ name, problems, problemCount, numbering }, ...NO_ENTRIES });
    return {
      rows: examples.length,
      said: problems.map(({ line, reason }) => `${numbering} ${line}: ${inAnyEngine(reason)}`),
    };
  } catch (error) {
    return outcomeOfError(error);
  }
}

/** Reads a file, or every file of rows in a zip. @throws what is not a GraftError: a fault of the reader */
export async function readOddFile(file: OddFile): Promise<OddOutcome> {
  if (!file.name.endsWith('.zip')) return outcomeOfRows(file);
  try {
    const zip = await RowsZip.open(file.name, new Blob([file.bytes]));
    const read = await Promise.all(
      zip.files.map(async ({ path }) => outcomeOfRows({ name: path, bytes: await zip.read(path) })),
    );
    return {
      rows: read.reduce((sum, { rows }) => sum + rows, 0),
      said: [...zip.refused.map(({ why }) => why), ...read.flatMap(({ said }) => said)],
    };
  } catch (error) {
    return outcomeOfError(error);
  }
}

export async function oddFilesPage(): Promise<string> {
  const blocks = await Promise.all(
    Object.entries(oddFiles()).map(async ([kind, files]) => {
      const lines = files.map(async (file) => {
        const { rows, said } = await readOddFile(file);
        return [
          code(file.name),
          file.what,
          String(rows),
          said.map((message) => `“${plain(message)}”`).join('<br>'),
        ];
      });
      return [`## ${kind}`, table(['file', 'content', 'rows', 'message'], await Promise.all(lines))];
    }),
  );
  return page(heading('Broken and odd files'), INTRODUCTION, ...blocks.flat());
}
