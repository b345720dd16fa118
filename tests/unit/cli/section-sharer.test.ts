/** The thread that reads sections of a file. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { folder, openBytes } from '../../../src/cli/files.ts';
import { startSharer } from '../../../src/cli/section-sharer.ts';
import { CertainRows } from '../../../src/data/certain-rows.ts';
import { ExampleReader } from '../../../src/data/formats.ts';
import type { Bytes } from '../../../src/data/lines.ts';
import type { Slicer } from '../../../src/data/open-rows.ts';
import { readSections, type SectionSource, type Sharer } from '../../../src/data/sections.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { graftError } from '../expect-graft-error.ts';
import { sharedWithin } from '../shared-sections.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'graft-sections-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const PLAIN: Slicer = { due: false, pause: () => Promise.resolve(), each: () => Promise.resolve() };
const SMALL = { least: 0, sectionBytes: 4000 };

const lines = Array.from({ length: 900 }, (_, i) =>
  i === 700
    ? 'not JSON'
    : JSON.stringify({ prompt: `${'What is '.repeat(i % 9)}${i}?`, completion: `It is ${i}.`, level: i }),
);

async function opened(): Promise<{ bytes: Bytes; source: SectionSource }> {
  const path = join(root, 'rows.jsonl');
  writeFileSync(path, `\ufeff${lines.join('\n')}`);
  const bytes = await openBytes(path);
  const options = { fileName: path };
  const { content } = new ExampleReader(bytes, options);
  const tokenizer = await loadTokenizer(folder('public/models/sprig'));
  const certain = new CertainRows(tokenizer, { maxLength: 24, now: new Date(0) });
  return { bytes, source: { content: content as Bytes, options, certain } };
}

/** One that leaves all sections to its thread. */
const idle = (sharer: Sharer): Sharer => ({ ...sharer, take: () => Infinity });

test('the thread finds in the sections of a file what the command finds', async () => {
  const { bytes, source } = await opened();
  const sharer = startSharer(bytes, source, SMALL)!;
  const sections = await sharer.finished();
  expect(sections.size).toBe(Math.ceil(source.content.length / SMALL.sectionBytes));
  expect(sharer.done).toEqual({ sections: sections.size, rows: lines.length });
  const found = await readSections(source, idle(sharer), PLAIN);
  const own = await readSections(source, sharedWithin(SMALL.sectionBytes)(source)!, PLAIN);
  expect(found).toEqual(own);
  expect(own?.flatMap(({ collected }) => collected.problems)).toHaveLength(1);
});

test('both take sections until none is left', async () => {
  const { bytes, source } = await opened();
  const found = await readSections(source, startSharer(bytes, source, SMALL)!, PLAIN);
  expect(found).toEqual(await readSections(source, sharedWithin(SMALL.sectionBytes)(source)!, PLAIN));
});

test('a file that became shorter is the fault of the command, whichever thread sees it', async () => {
  const { bytes, source } = await opened();
  truncateSync(join(root, 'rows.jsonl'), 9000);
  const sharer = startSharer(bytes, source, SMALL)!;
  expect((await sharer.finished()).size).toBeLessThan(lines.length);
  await graftError(() => readSections(source, idle(sharer), PLAIN), 'bytes-read');
});

test('small files and bytes in memory are left to the command', async () => {
  const { bytes, source } = await opened();
  expect(startSharer(bytes, source)).toBeUndefined();
  expect(startSharer(bytes.subarray(0, bytes.length), source, SMALL)).toBeUndefined();
});
