/** The documents of a project as the worker keeps them, with a small encoder of tests/reference on the CPU engine. */
import { zipSync } from 'fflate';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { folder } from '../../src/cli/files.ts';
import { pdfText } from '../../src/retrieval/pdf-text.ts';
import { openProcessor } from '../../src/cli/cpu.ts';
import type { Device } from '../../src/engine/device.ts';
import type { EncoderChoice, FileAt, Progress } from '../../src/worker/api.ts';
import { packDocument, unpackDocument } from '../../src/worker/archive/documents.ts';
import { DocumentFile } from '../../src/worker/archive/layout.ts';
import { Encoders } from '../../src/worker/documents/encoders.ts';
import { DocumentLibrary } from '../../src/worker/documents/library.ts';
import type { DocumentPorts, DocumentStore } from '../../src/worker/documents/ports.ts';
import { unstopped } from '../../src/worker/stopping.ts';
import { referencePath } from '../engine/reference-file.ts';
import { MAPS } from '../character-maps.ts';
import { memoryDocuments, type MemoryDocuments } from '../unit/worker/document-store.ts';
import { openSprig } from '../unit/worker/open-sprig.ts';
import { tinyPdf } from '../unit/retrieval/tiny-pdf.ts';

const PROJECT = 'garden';
const CHUNKING = { tokens: 32, overlap: 8, by: 'sentences' } as const;
const ENCODER: EncoderChoice = { name: 'mean', passagePrefix: '', questionPrefix: '' };
const watched = { onProgress: (): undefined => undefined, signal: unstopped() };

let device: Device;
let encoders: Encoders;
let store: MemoryDocuments;
let library: DocumentLibrary;
let asked: number;
beforeAll(async () => {
  device = await openProcessor({ threads: 1 });
});
afterAll(() => device.close());
beforeEach(() => {
  store = memoryDocuments(PROJECT);
  encoders = new Encoders(
    async (name) => folder(referencePath('encoders', name)),
    async () => {
      throw new Error('No adapter is chosen');
    },
    async () => device,
  );
  asked = 0;
  library = new DocumentLibrary(ports());
});

function ports(): DocumentPorts {
  return {
    store,
    readPdf: (bytes, name) => pdfText(bytes, name, MAPS),
    counter: async () => ({ id: 'sprig', tokenizer: (await openSprig()).tokenizer }),
    encoderFacts: (choice) => encoders.facts(choice),
    openEncoder: async (choice, onProgress) => {
      const encoder = await encoders.open(choice, onProgress);
      const { content, maker, tokenizer, size } = encoder;
      return {
        ...{ content, maker, tokenizer, size },
        hold: (vectors) => encoder.hold(vectors),
        embed: (...args) => {
          asked += args[0].length;
          return encoder.embed(...args);
        },
      };
    },
    isKept: async () => true,
    inTurn: (work) => work(),
  };
}

const at = (path: string, content: string | Uint8Array<ArrayBuffer>): FileAt => ({
  path,
  file: new File([content], path.slice(path.lastIndexOf('/') + 1)),
});
const GARDEN = [
  at(
    'garden/peas.md',
    '# Peas\n\nPeas climb a net. Sow peas in March.\n\n# Kale\n\nKale stands the winter.\n',
  ),
  at('garden/deep/beans.txt', 'Beans need warmth. Sow beans in May, after the last frost.\n'),
  at('garden/plan.pdf', tinyPdf([['The first bed has onions.'], ['The second bed has marrows.']])),
];
const add = (files: readonly FileAt[]): ReturnType<DocumentLibrary['add']> =>
  library.add(PROJECT, files, watched);
const idsOf = async (query: string, choice = {}): Promise<string[]> =>
  (await library.search(PROJECT, query, { method: 'bm25', top: 3, ...choice })).hits.map(({ id }) => id);

test('reads a folder without its name, names the file that is broken, and finds the rest by words', async () => {
  const broken = at('garden/broken.pdf', 'This is no PDF.');
  const { report, stopped } = await add([
    ...GARDEN,
    broken,
    at('garden/cat.png', 'x'),
    at('garden/.x/y.txt', 'x'),
  ]);
  expect(report).toMatchObject({ added: 3, replaced: 0, same: 0, others: ['cat.png'] });
  expect(report.bad).toMatchObject([{ file: 'broken.pdf', code: 'pdf-damaged' }]);
  expect(stopped).toBe(false);
  const { documents, waiting } = await library.list(PROJECT);
  expect(documents.map(({ file, pages }) => [file, pages])).toEqual([
    ['deep/beans.txt', undefined],
    ['peas.md', undefined],
    ['plan.pdf', 2],
  ]);
  expect(waiting).toEqual({ documents: 0, chunks: 0, others: 0, files: 0 });
  const { hits } = await library.search(PROJECT, 'When are beans sown in May?', { method: 'bm25', top: 2 });
  expect(hits[0]).toMatchObject({ file: 'deep/beans.txt', page: null });
  expect(hits[0].text).toContain('Sow beans in May');
  const [marrows] = (await library.search(PROJECT, 'marrows', { method: 'bm25', top: 1 })).hits;
  expect(marrows).toMatchObject({ file: 'plan.pdf' });
  expect(await idsOf('sow', { files: ['peas.md'] })).toEqual(['peas.md#0']);
});

test('a file in an old encoding is read, and its document says so here and in an archive', async () => {
  const old = at('old.txt', Uint8Array.from(Buffer.from('Die M\xf6hren kosten 5 \x80.', 'latin1')));
  expect((await add([old, at('new.txt', 'Möhren')])).report).toMatchObject({
    added: 2,
    guessed: ['old.txt'],
  });
  const guesses = async (): Promise<unknown[]> =>
    (await library.list(PROJECT)).documents.map(({ file, guessed }) => [file, guessed]);
  expect(await guesses()).toEqual([
    ['new.txt', undefined],
    ['old.txt', 'windows-1252'],
  ]);
  const kept = (await store.readDocument(PROJECT, 'old.txt'))!;
  expect(kept.text.text).toBe('Die Möhren kosten 5 €.');
  const packed = packDocument(kept);
  expect(unpackDocument(PROJECT, v.parse(DocumentFile, packed.file), packed.vectors)).toEqual(kept);
  // It stays so if it is divided otherwise, and not if a file in UTF-8 takes its place.
  await library.change(PROJECT, { chunking: CHUNKING });
  await library.proceed(PROJECT, watched);
  expect(await guesses()).toContainEqual(['old.txt', 'windows-1252']);
  await add([at('old.txt', 'Die Möhren kosten 6 €.')]);
  expect(await guesses()).toContainEqual(['old.txt', undefined]);
});

test('a first search that is stopped leaves the next one to read the documents', async () => {
  await add(GARDEN);
  const choice = { method: 'bm25', top: 1 } as const;
  const stopped = { ...watched, signal: AbortSignal.abort(new Error('stopped')) };
  await expect(library.search(PROJECT, 'marrows', choice, stopped)).rejects.toThrow('stopped');
  expect(await idsOf('marrows')).toEqual(['plan.pdf#0']);
});

test('a name shows its ending and stays on one line, whatever characters it has', async () => {
  const names = ['a\u202etxt.exe.md', 'red\u001b[31m.txt', 'two\nlines.md'];
  const zip = zipSync({ 'in\u202e.md': new TextEncoder().encode('Peas.') });
  await add([...names.map((name) => at(name, 'Kale.')), at('more.zip', new Uint8Array(zip))]);
  expect((await library.list(PROJECT)).documents.map(({ file }) => file)).toEqual([
    ...['a\\u202etxt.exe.md', 'in\\u202e.md', 'red\\u001b[31m.txt', 'two lines.md'],
  ]);
});

test('pages and headings end chunks if that is chosen, and a document shows their places', async () => {
  await add(GARDEN);
  await library.change(PROJECT, { chunking: { ...CHUNKING, by: 'pages' } });
  expect((await library.list(PROJECT)).waiting.documents).toBe(3);
  await library.proceed(PROJECT, watched);
  const plan = await library.read(PROJECT, 'plan.pdf');
  expect(plan.chunks.map(({ page, start, end }) => [page, plan.text.slice(start, end)])).toEqual([
    [1, 'The first bed has onions.'],
    [2, 'The second bed has marrows.'],
  ]);
  await library.change(PROJECT, { chunking: { ...CHUNKING, by: 'headings' } });
  await library.proceed(PROJECT, watched);
  const peas = await library.read(PROJECT, 'peas.md');
  expect(peas.chunks.map(({ start, end }) => peas.text.slice(start, end))).toEqual([
    '# Peas\n\nPeas climb a net. Sow peas in March.',
    '# Kale\n\nKale stands the winter.',
  ]);
  const [first] = peas.chunks;
  const tokens = await library.tokens(PROJECT, { file: 'peas.md', ...first });
  expect(tokens.join('')).toContain('Peas');
  await expect(library.read(PROJECT, 'leeks.md')).rejects.toMatchObject({ code: 'document-missing' });
});

test('a zip is read in place of its files, and a broken one is named', async () => {
  const zip = zipSync({
    'a/leeks.txt': new TextEncoder().encode('Leeks are slow.'),
    '__MACOSX/a/x.txt': new Uint8Array(3),
  });
  const { report } = await add([at('all.zip', new Uint8Array(zip)), at('bad.zip', 'PK no')]);
  expect(report).toMatchObject({ added: 1, bad: [{ file: 'bad.zip', code: 'zip-damaged' }] });
  expect(await idsOf('leeks')).toEqual(['a/leeks.txt#0']);
});

test('a second added file of the same name is named, and does not take the place of the first', async () => {
  const zip = (text: string): Uint8Array<ArrayBuffer> =>
    new Uint8Array(zipSync({ 'readme.txt': new TextEncoder().encode(text) }));
  const { report } = await add([at('a.zip', zip('Leeks are slow.')), at('b.zip', zip('Kale is hardy.'))]);
  expect(report).toMatchObject({ added: 1, replaced: 0 });
  expect(report.bad).toMatchObject([{ file: 'b.zip/readme.txt', code: 'document-name' }]);
  expect(await idsOf('leeks')).toEqual(['readme.txt#0']);
  // As files do that are dropped from two folders.
  const loose = await add([at('notes.txt', 'Mint spreads.'), at('notes.txt', 'Sage is dry.')]);
  expect(loose.report).toMatchObject({ added: 1, bad: [{ file: 'notes.txt', code: 'document-name' }] });
  expect(await idsOf('mint')).toEqual(['notes.txt#0']);
});

test('files that a stop or a closed page came before are counted until they are added again or left out', async () => {
  const files = ['a', 'b', 'c'].map((name) => at(`notes/${name}.txt`, `Note ${name}.`));
  const unread = async (): Promise<number> => (await library.list(PROJECT)).waiting.files;
  const stoppedAt = (place: number): ReturnType<typeof add> => {
    const request = new AbortController();
    const onProgress = ({ done }: Progress): void => void (done === place && request.abort());
    return library.add(PROJECT, files, { onProgress, signal: request.signal });
  };
  expect(await stoppedAt(0)).toMatchObject({ stopped: true, report: { added: 1, unread: 2 } });
  expect(await unread()).toBe(2);

  // Another session adds something else, and then the same files: what is there is passed over.
  library = new DocumentLibrary(ports());
  await add(GARDEN);
  expect(await unread()).toBe(2);
  expect((await add(files)).report).toMatchObject({ added: 2, same: 1, unread: 0 });
  expect(await unread()).toBe(0);

  // A closed page says nothing of the files that it has read, nor of those that it has not.
  const closedPage = async (lost: Partial<DocumentStore>): Promise<void> => {
    let writes = 0;
    const putUnreadFiles: DocumentStore['putUnreadFiles'] = async (...asked) =>
      writes++ > 0 || store.putUnreadFiles(...asked);
    library = new DocumentLibrary({ ...ports(), store: { ...store, putUnreadFiles, ...lost } });
    await add([at('b.txt', 'Another note.'), at('d.txt', 'Note d.')]);
    library = new DocumentLibrary(ports());
  };
  await closedPage({ putDocuments: async () => true });
  expect(await unread()).toBe(2);
  await closedPage({});
  expect(await unread()).toBe(0);
  await closedPage({ putDocuments: async () => true });
  expect(await unread()).toBe(2);
  await library.leaveUnread(PROJECT);
  expect(await unread()).toBe(0);
});

test('documents over the limits of a project are named', async () => {
  library = new DocumentLibrary(ports(), { documents: 2, characters: 1000 });
  const { report } = await add([
    at('a.txt', 'One.'),
    at('b.txt', 'x '.repeat(600)),
    at('c.txt', 'Three.'),
    at('d.txt', 'Four.'),
  ]);
  expect(report.added).toBe(2);
  expect(report.bad.map(({ file, code }) => [file, code])).toEqual([
    ['b.txt', 'document-count'],
    ['d.txt', 'document-count'],
  ]);
});

test('with an encoder vectors follow the documents, and only what changed is computed', async () => {
  await library.change(PROJECT, { chunking: CHUNKING, encoder: ENCODER });
  await add(GARDEN);
  const first = asked;
  const { documents } = await library.list(PROJECT);
  expect(first).toBe(documents.reduce((sum, { chunks }) => sum + chunks, 0));
  expect(documents.every(({ chunks, vectors }) => chunks === vectors)).toBe(true);

  // The same files once more, then one with a sentence changed at its end.
  expect((await add(GARDEN)).report).toMatchObject({ added: 0, same: 3 });
  expect(asked).toBe(first);
  const long = `${'Leeks are slow and want a deep trench in the garden. '.repeat(6)}\n`;
  await add([at('leeks.txt', long)]);
  const before = asked;
  expect((await add([at('leeks.txt', `${long}Water them.`)])).report.replaced).toBe(1);
  expect(asked - before).toBeLessThan(store.kept.get('leeks.txt')!.document.chunks);

  const question = 'When are beans sown?';
  const cosine = await library.search(PROJECT, question, { method: 'cosine', top: 10 });
  expect(cosine.missing).toBe(0);
  // The vectors of the command's own path: each text embedded by itself.
  const encoder = await encoders.open(ENCODER, watched.onProgress);
  const [asking] = [await encoder.embed([question], '')];
  for (const { text, score } of cosine.hits) {
    const vector = await encoder.embed([text], '');
    expect(score).toBeCloseTo(
      vector.reduce((sum, value, i) => sum + value * asking[i], 0),
      5,
    );
  }
  const fused = await library.search(PROJECT, question, { method: 'rrf', top: 1 });
  expect(fused.hits[0].file).toBe('deep/beans.txt');

  await library.remove(PROJECT, ['deep/beans.txt']);
  expect((await idsOf('beans')).length).toBe(0);
  await library.change(PROJECT, { encoder: { ...ENCODER, passagePrefix: 'passage: ' } });
  await expect(library.search(PROJECT, question, { method: 'cosine', top: 1 })).rejects.toMatchObject({
    code: 'documents-vectors',
  });
  await library.change(PROJECT, { encoder: null });
  await expect(library.search(PROJECT, question, { method: 'cosine', top: 1 })).rejects.toMatchObject({
    code: 'documents-encoder',
  });
});

test('an encoder in int8 makes all vectors again, with cosines of 0.99 to those in f32, and none of both are compared', async () => {
  await library.change(PROJECT, { chunking: CHUNKING, encoder: ENCODER });
  await add(GARDEN);
  const vectorsKept = (): number[][] => {
    const rows: number[][] = [];
    for (const { vectors, document } of store.kept.values())
      for (let chunk = 0; chunk < document.chunks; chunk++)
        rows.push([...vectors!.vectors.subarray(32 * chunk, 32 * (chunk + 1))]);
    return rows;
  };
  const stored = vectorsKept();
  await library.change(PROJECT, { encoder: { ...ENCODER, weights: 'int8' } });
  const { encoder, waiting } = await library.list(PROJECT);
  expect(encoder?.weights).toBe('int8');
  expect(waiting).toEqual({ documents: 0, chunks: stored.length, others: stored.length, files: 0 });
  const marrows = { method: 'cosine', top: 1 } as const;
  await expect(library.search(PROJECT, 'marrows', marrows)).rejects.toMatchObject({
    code: 'documents-vectors',
  });
  await library.proceed(PROJECT, watched);
  const rounded = vectorsKept();
  const cosines = rounded.map((row, chunk) =>
    row.reduce((sum, value, i) => sum + value * stored[chunk][i], 0),
  );
  expect(Math.min(...cosines)).toBeGreaterThan(0.99);
  expect(Math.max(...cosines)).toBeLessThan(1 - 1e-6);
  // The question is the chunk itself: its vector is rounded as well.
  const text = 'The first bed has onions.\nThe second bed has marrows.';
  const { hits } = await library.search(PROJECT, text, marrows);
  expect(hits[0].score).toBeCloseTo(1, 5);

  await library.change(PROJECT, { encoder: ENCODER });
  expect((await library.list(PROJECT)).waiting.chunks).toBe(stored.length);
});

test('what was computed before a stop is kept, and another session computes the rest', async () => {
  await library.change(PROJECT, { chunking: CHUNKING, encoder: ENCODER });
  const many = Array.from({ length: 300 }, (_, i) => at(`note-${i}.txt`, `Note ${i} is about bed ${i}.`));
  const request = new AbortController();
  const stopAfterFirst = ({ what, done }: Progress): void => {
    if (what === 'embedding' && done >= 256) request.abort();
  };
  const { stopped } = await library.add(PROJECT, many, {
    onProgress: stopAfterFirst,
    signal: request.signal,
  });
  expect(stopped).toBe(true);
  const { waiting, documents } = await library.list(PROJECT);
  expect(documents.length).toBe(300);
  expect(waiting).toEqual({ documents: 0, chunks: 44, others: 0, files: 0 });
  const { hits, missing } = await library.search(PROJECT, 'bed 7', { method: 'cosine', top: 300 });
  expect([hits.length, missing]).toEqual([256, 44]);

  library = new DocumentLibrary(ports());
  const before = asked;
  expect(await library.proceed(PROJECT, watched)).toEqual({ stopped: false });
  expect(asked - before).toBe(44);
  expect((await library.list(PROJECT)).waiting.chunks).toBe(0);
});

test('an archive has a document with its vectors, and refuses chunks outside of its text', async () => {
  await library.change(PROJECT, { chunking: CHUNKING, encoder: ENCODER });
  await add(GARDEN);
  for (const kept of store.kept.values()) {
    const { file, vectors } = packDocument(kept);
    const read = v.parse(DocumentFile, JSON.parse(JSON.stringify(file)));
    expect(unpackDocument(PROJECT, read, vectors)).toEqual(kept);
    // Vectors that were cut short are computed again.
    expect(unpackDocument(PROJECT, read, vectors!.slice(4)).document).toMatchObject({ vectors: 0 });
    const wrong = { ...file, chunks: [{ start: 0, end: file.text.length + 1, tokens: 1 }] };
    expect(v.safeParse(DocumentFile, wrong).success).toBe(false);
  }
});
