/** `graft index` and `graft search`, with the small encoders of tests/reference. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import {
  floats,
  DEVICE_HERE,
  graft,
  graftHere,
  temporaryFolder,
  tensorsOf,
} from '../engine/graft-command.ts';
import { referencePath } from '../engine/reference-file.ts';
import { runCommand } from '../../src/cli/commands.ts';
import type { WholeOutput } from '../../src/cli/output.ts';
import { namedFontPdf, tinyPdf } from '../unit/retrieval/tiny-pdf.ts';

const at = temporaryFolder();
const MEAN = referencePath('encoders', 'mean');
const CLS = referencePath('encoders', 'cls');
const SIZE = 32;

interface Report {
  documents: number;
  documents_kept: number;
  chunks: number;
  kept: number;
  computed: number;
  complete: boolean;
  empty: string[];
  bad: { file: string; why: string }[];
  windows_1252: string[];
  others: string[];
}
interface Hit {
  id: string;
  file: string;
  page?: number;
  start: number;
  end: number;
  score: number;
  text: string;
}
interface Answer {
  id: string | number;
  hits: Hit[];
  relevant?: string[][];
}

const PEAS = 'Peas climb a net. They like cool weather.\n\nSow them in March.\n';
const GARDEN = {
  'peas.md': PEAS,
  'deep/beans.txt': 'Beans need warmth. Sow beans in May, after the last frost.\r\n',
  'deep/page.html': '<nav>Menu</nav><h1>Kale</h1><p>Kale stands the winter &amp; the snow.</p>',
  '.hidden/x.txt': 'Nobody reads this.',
};

/** A folder of documents. */
function documents(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = at(name);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(at(name, file, '..'), { recursive: true });
    writeFileSync(at(name, file), content);
  }
  return folder;
}

const indexCall = (source: readonly string[], out: string, model = MEAN): string[] => [
  ...['index', '--model', model, ...DEVICE_HERE, ...source, '--out', out],
  ...['--chunk-tokens', '32', '--chunk-overlap', '8', '--json'],
];

async function index(folder: string, out: string, ...flags: string[]): Promise<Report> {
  const { code, out: report, err } = await graftHere([...indexCall(['--documents', folder], out), ...flags]);
  expect(code, err).toBe(0);
  return JSON.parse(report) as Report;
}

const searchCall = (out: string, ...flags: string[]): string[] => [
  ...['search', '--index', out, '--model', MEAN, ...DEVICE_HERE, '--json', ...flags],
];

async function search(out: string, ...flags: string[]): Promise<Answer[]> {
  const { code, out: lines, err } = await graftHere(searchCall(out, ...flags));
  expect(code, err).toBe(0);
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

const linesOf = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const vectorsOf = async (out: string): Promise<Float32Array> =>
  floats((await tensorsOf(join(out, 'embeddings.safetensors'))).get('embeddings'));

describe('graft index', () => {
  test('writes chunks of all folders with their places, and for each the vector that embed gives', async () => {
    const folder = documents('garden', GARDEN);
    const report = await index(folder, at('garden-index'));
    const chunks = linesOf(at('garden-index', 'chunks.jsonl'));
    expect(report).toMatchObject({
      documents: 3,
      chunks: chunks.length,
      kept: 0,
      computed: chunks.length,
      bad: [],
    });
    expect(Object.keys(chunks[0])).toEqual(['file', 'start', 'end', 'tokens', 'text', 'page', 'id']);
    expect(new Set(chunks.map(({ file }) => file))).toEqual(
      new Set(['deep/beans.txt', 'deep/page.html', 'peas.md']),
    );
    for (const { file, start, end, text, id } of chunks)
      if (file === 'peas.md') {
        expect(PEAS.slice(start as number, end as number)).toBe(text);
        expect(id).toMatch(/^peas\.md#\d+$/);
      }
    expect(chunks.find(({ file }) => file === 'deep/page.html')?.text).toBe(
      'Kale\n\nKale stands the winter & the snow.',
    );

    writeFileSync(at('texts.jsonl'), chunks.map(({ text }) => JSON.stringify({ text })).join('\n'));
    await graftHere([
      ...[
        'embed',
        '--model',
        MEAN,
        ...DEVICE_HERE,
        '--data',
        at('texts.jsonl'),
        '--out',
        at('texts.safetensors'),
      ],
    ]);
    const own = await vectorsOf(at('garden-index'));
    const embedded = await floats((await tensorsOf(at('texts.safetensors'))).get('embeddings'));
    expect(own).toHaveLength(chunks.length * SIZE);
    own.forEach((value, i) => expect(value).toBeCloseTo(embedded[i], 6));
  });

  test('computes only the chunks of a changed document the second time, and drops those of a removed one', async () => {
    const folder = documents('changing', { ...GARDEN, 'old.txt': 'Old things.' });
    const out = at('changing-index');
    const first = await index(folder, out);
    expect(await index(folder, out)).toMatchObject({ documents_kept: 4, kept: first.chunks, computed: 0 });

    rmSync(at('changing', 'old.txt'));
    documents('changing', { 'deep/beans.txt': 'Beans need warmth, and water.' });
    const second = await index(folder, out);
    expect(second).toMatchObject({ documents: 3, documents_kept: 2, computed: 1, kept: second.chunks - 1 });
    const files = linesOf(at('changing-index', 'chunks.jsonl')).map(({ file }) => file);
    expect(files).not.toContain('old.txt');
    const [{ hits }] = await search(out, '--query', 'warmth', '--method', 'bm25');
    expect(hits.map(({ text }) => text)).toEqual(['Beans need warmth, and water.']);

    // The same as an index that was made at once.
    await index(folder, at('at-once'));
    expect(linesOf(at('changing-index', 'chunks.jsonl'))).toEqual(linesOf(at('at-once', 'chunks.jsonl')));
    const [kept, fresh] = await Promise.all([vectorsOf(out), vectorsOf(at('at-once'))]);
    kept.forEach((value, i) => expect(value).toBeCloseTo(fresh[i], 6));
  });

  test('names files that it cannot read and files of other kinds, and keeps the rest', async () => {
    const folder = documents('mixed', {
      'good.txt': 'A good text.',
      'bad.txt': Uint8Array.of(0x61, 0xff, 0x62, 7),
      'latin.txt': Buffer.from('Die M\xf6hre kostet 5 \x80.', 'latin1'),
      'binary.md': Uint8Array.of(1, 0, 2, 0, 0, 7),
      'broken.pdf': '%PDF-1.4 nothing',
      'two.pdf': tinyPdf([Array<string>(9).fill('The first page is long.'), ['Second page about kale.']]),
      'mame.pdf': namedFontPdf('90ms-RKSJ-H', 'Japan1', ['8eed82f082dc82ad8142']),
      'old.html': Buffer.from('<meta charset=iso-8859-1><p>Gr\xfcn', 'latin1'),
      'picture.png': 'x',
      'inside.zip': 'x',
      'empty.md': '',
    });
    symlinkSync('.', at('mixed', 'circle'));
    symlinkSync('nowhere', at('mixed', 'dangling.txt'));
    const {
      code,
      out: text,
      err,
    } = await graftHere([...indexCall(['--documents', folder], at('mixed-index')), '--overwrite']);
    expect(code).toBe(1);
    const report = JSON.parse(text) as Report;
    expect(report.bad.map(({ file }) => file)).toEqual([
      ...['bad.txt', 'binary.md', 'broken.pdf', 'dangling.txt'],
    ]);
    expect(report.bad[1].why).toContain('Save it as plain text');
    expect(report.others).toContain('picture.png');
    expect(report.windows_1252).toEqual(['latin.txt']);
    expect(err).toContain('Read as Windows-1252, since they are not UTF-8');
    expect(report.empty).toEqual(['empty.md']);
    expect(err).toContain('No text in: empty.md');
    expect(err).toContain('A zip inside is not opened');
    expect(err).toContain('Not read: bad.txt, line 1, is not valid UTF-8.');
    expect(linesOf(at('mixed-index', 'chunks.jsonl'))).toContainEqual(
      expect.objectContaining({ file: 'mame.pdf', text: '種をまく。' }),
    );
    expect(linesOf(at('mixed-index', 'chunks.jsonl'))).toContainEqual(
      expect.objectContaining({ file: 'latin.txt', text: 'Die Möhre kostet 5 €.' }),
    );
    const [{ hits }] = await search(at('mixed-index'), '--query', 'kale Grün', '--method', 'bm25');
    expect(hits.map(({ file, page }) => [file, page])).toEqual([
      ['old.html', undefined],
      ['two.pdf', 2],
    ]);
  });

  test('reads Word files, and the documents of a zip without what is hidden in it', async () => {
    const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
    const word = zipSync({
      'word/document.xml': utf8(
        '<w:document><w:p><w:r><w:t>Leeks stand the winter.</w:t></w:r></w:p></w:document>',
      ),
    });
    const files = {
      'a/leeks.docx': word,
      'peas.md': utf8(PEAS),
      'broken.docx': utf8('no zip'),
      'other.docx': zipSync({ 'x.txt': utf8('x') }),
      'picture.png': utf8('x'),
      '__MACOSX/peas.md': utf8('x'),
      '.git/x.md': utf8('x'),
    };
    writeFileSync(at('documents.zip'), zipSync(files));
    const call = indexCall(['--documents', at('documents.zip')], at('zip-index'));
    const { code, out } = await graftHere(call);
    expect(code).toBe(1);
    const { bad, others, documents: many } = JSON.parse(out) as Report;
    expect(many).toBe(2);
    expect(bad.map(({ file }) => file)).toEqual(['broken.docx', 'other.docx']);
    expect(bad[1].why).toContain('other.docx has no word/document.xml.');
    expect(others).toEqual(['picture.png']);
    const [{ hits }] = await search(at('zip-index'), '--query', 'leeks', '--method', 'bm25');
    expect(hits.map(({ file, text }) => [file, text])).toEqual([['a/leeks.docx', 'Leeks stand the winter.']]);
    const again = await graftHere(call);
    expect(JSON.parse(again.out)).toMatchObject({ documents_kept: 2, computed: 0 });
  });

  test('takes chunks that were made elsewhere, and refuses lines that are none', async () => {
    const chunk = { id: 'a', doc: 'peas', start: 0, end: 17, text: 'Peas climb a net.' };
    const call = async (...rows: object[]): Promise<{ code: number | null; err: string }> => {
      writeFileSync(at('chunks.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      const args = indexCall(['--chunks', at('chunks.jsonl')], at('given-index'));
      return graftHere(args.filter((word) => !/^(--chunk-(tokens|overlap)|32|8)$/.test(word)));
    };
    expect(await call(chunk, { ...chunk, id: undefined, start: 18, end: 20, text: 'So' })).toMatchObject({
      code: 0,
    });
    expect(linesOf(at('given-index', 'chunks.jsonl'))).toMatchObject([
      { id: 'a', file: 'peas', start: 0, end: 17, page: null },
      { id: 'peas#1', file: 'peas', start: 18, end: 20 },
    ]);
    expect((await call(chunk, chunk)).err).toMatch(
      /Line 2 of \S+ has the id "a", which a line before it has\./,
    );
    expect((await call({ ...chunk, end: -1 })).err).toMatch(/Line 1 of \S+ has no start and end/);
    expect((await call({ text: 'x' })).err).toMatch(/Line 1 of \S+ names no file\./);
  });

  test('ends chunks at headings or pages if it is asked to, and not in an index that was made otherwise', async () => {
    const folder = documents('parted', {
      'a.md': 'Before.\n\n# One\n\nFirst.\n\n# Two\n\nSecond.\n',
      'b.html': '<h1>Kale</h1><p>Winter.</p><h2>Beet</h2><p>Summer.</p>',
      'c.pdf': tinyPdf([['The first page.'], ['The second page.']]),
    });
    const textsOf = (name: string): unknown[] => linesOf(at(name, 'chunks.jsonl')).map(({ text }) => text);
    await index(folder, at('by-headings'), '--chunk-by', 'headings');
    expect(textsOf('by-headings')).toEqual([
      ...['Before.', '# One\n\nFirst.', '# Two\n\nSecond.', 'Kale\n\nWinter.', 'Beet\n\nSummer.'],
      'The first page.\nThe second page.',
    ]);
    await index(folder, at('by-pages'), '--chunk-by', 'pages');
    expect(linesOf(at('by-pages', 'chunks.jsonl')).slice(-2)).toMatchObject([
      { text: 'The first page.', page: 1 },
      { text: 'The second page.', page: 2 },
    ]);
    const other = await graftHere(indexCall(['--documents', folder], at('by-pages')));
    expect(other.err).toContain('was made with --chunk-by pages, and this call has sentences.');
  });

  test('never writes to a folder that is not an index, or to an index of another model or other settings', async () => {
    const folder = documents('safe', GARDEN);
    documents('others', { 'chunks.jsonl': 'mine' });
    const foreign = await graftHere(indexCall(['--documents', folder], at('others')));
    expect(foreign).toMatchObject({ code: 1 });
    expect(foreign.err).toContain('others holds chunks.jsonl, so it is not an index that Graft wrote.');
    expect((await graftHere([...indexCall(['--documents', folder], at('others')), '--overwrite'])).code).toBe(
      1,
    );
    expect(readFileSync(at('others', 'chunks.jsonl'), 'utf8')).toBe('mine');
    expect(readdirSync(at('others'))).toEqual(['chunks.jsonl']);
    expect((await graftHere(indexCall(['--documents', folder], at('safe', 'inside')))).err).toContain(
      'lies inside',
    );

    const out = at('safe-index');
    await index(folder, out);
    const other = await graftHere(indexCall(['--documents', folder], out, CLS));
    expect(other.err).toContain('safe-index was made with mean, and cls is another model');
    const longer = await graftHere(
      indexCall(['--documents', folder], out).map((word) => (word === '32' ? '40' : word)),
    );
    expect(longer.err).toContain('safe-index was made with --chunk-tokens 32, and this call has 40.');
    expect(await index(folder, out, '--prefix', 'p: ', '--overwrite')).toMatchObject({ kept: 0 });
  });

  test('an index in int8 takes no vectors in f32, and a search embeds its questions in int8', async () => {
    const folder = documents('rounded', GARDEN);
    const [rounded, plain] = [at('int8-index'), at('f32-index')];
    await index(folder, rounded, '--base-weights', 'int8');
    await index(folder, plain);
    const [own, stored] = await Promise.all([rounded, plain].map(vectorsOf));
    expect(own).not.toEqual(stored);
    const other = await graftHere(indexCall(['--documents', folder], rounded));
    expect(other.err).toContain('int8-index was made with weights int8, and this call has stored.');

    const text = PEAS.trim();
    const question = ['--query', text, '--file', 'peas.md', '--top', '1'];
    const [[found], [asked]] = [
      await search(rounded, ...question),
      await search(rounded, ...question, '--base-weights', 'int8'),
    ];
    expect(found.hits[0].text).toBe(text);
    // The question is the chunk itself, so only a vector made in the same way has a cosine of 1.
    expect(found.hits[0].score).toBeCloseTo(1, 5);
    expect(asked).toEqual(found);
    for (const [out, weights] of [
      [rounded, 'f32'],
      [plain, 'int8'],
    ]) {
      const { code, err } = await graftHere(searchCall(out, ...question, '--base-weights', weights));
      expect(code).toBe(1);
      expect(err).toMatch(/-index was made with --base-weights \w+, and this call has \w+: vectors in int8/);
    }
  });

  test('refuses calls that cannot be', async () => {
    const folder = documents('calls', GARDEN);
    const both = await graftHere(indexCall(['--documents', folder, '--chunks', 'x'], at('no')));
    expect(both).toMatchObject({ code: 2 });
    const given = await graftHere(indexCall(['--chunks', at('calls', 'peas.md')], at('no')));
    expect(given.err).toContain('--chunk-tokens is for --documents');
    const small = await graftHere(
      indexCall(['--documents', folder], at('no')).map((word) => (word === '32' ? '8' : word)),
    );
    expect(small).toMatchObject({ code: 2 });
    mkdirSync(at('nothing'));
    expect((await graftHere(indexCall(['--documents', at('nothing')], at('no')))).err).toContain(
      'has no text to index',
    );
    cpSync(MEAN, at('onnx-only'), { recursive: true });
    rmSync(at('onnx-only', 'model.safetensors'));
    const onnx = await graftHere(indexCall(['--documents', folder], at('no'), at('onnx-only')));
    expect(onnx.err).toContain(
      'only ONNX Runtime can run, and the command comes without it. Use this encoder on the page',
    );
    expect(existsSync(at('no'))).toBe(false);
  });
});

describe('graft search', () => {
  test.each(['cosine', 'bm25', 'rrf'])(
    'gives the best chunks by %s, one line for each question',
    async (method) => {
      await index(documents('searched', GARDEN), at('searched-index'));
      writeFileSync(
        at('questions.jsonl'),
        [
          { id: 'q1', question: 'Beans need warmth. Sow beans in May, after the last frost.' },
          { query: 'peas' },
          { id: 3, text: 'zzzz' },
        ]
          .map((row) => JSON.stringify(row))
          .join('\n'),
      );
      const answers = await search(
        at('searched-index'),
        '--queries',
        at('questions.jsonl'),
        '--method',
        method,
        '--top',
        '2',
      );
      expect(answers.map(({ id }) => id)).toEqual(['q1', 2, 3]);
      const [best] = answers[0].hits;
      expect(best).toMatchObject({ file: 'deep/beans.txt', start: 0, end: 58, id: 'deep/beans.txt#0' });
      if (method === 'cosine') expect(best.score).toBeCloseTo(1, 5);
      if (method === 'bm25') expect(answers[2].hits).toEqual([]);
      expect(answers.every(({ hits }) => hits.length <= 2)).toBe(true);
    },
  );

  test('searches only in files that fit a pattern, and refuses one that none fits', async () => {
    const only = await search(at('searched-index'), '--query', 'sow', '--method', 'bm25', '--file', '*.md');
    expect(new Set(only[0].hits.map(({ file }) => file))).toEqual(new Set(['peas.md']));
    const none = await graftHere(
      searchCall(at('searched-index'), '--query', 'sow', '--method', 'bm25', '--file', 'x'),
    );
    expect(none.err).toContain('No file of the index fits --file x.');
  });

  test('measures recall and the reciprocal rank for questions with passages', async () => {
    const rows = [
      {
        id: 'a',
        kind: 'plain',
        question: 'winter snow',
        passages: [{ doc: 'page', start: 0, end: 9, text: 'stands the winter' }],
      },
      { id: 'b', kind: 'plain', question: 'nothing of this', passages: [{ doc: 'peas', start: 0, end: 17 }] },
      { id: 'c', kind: 'other', question: 'beans', passages: [{ doc: 'missing', start: 0, end: 17 }] },
      { id: 'd', question: 'beans', passages: [] },
    ];
    writeFileSync(at('passages.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const { out, err } = await graftHere(
      searchCall(at('searched-index'), '--queries', at('passages.jsonl'), '--method', 'bm25', '--relevant'),
    );
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toMatchObject({ relevant: [['deep/page.html#0']] });
    expect(lines[3]).not.toHaveProperty('relevant');
    expect(lines[4]).toMatchObject({
      measures: {
        all: { questions: 3, 'recall@1': 1 / 3, 'recall@10': 1 / 3, 'mrr@10': 1 / 3 },
        plain: { questions: 2, 'recall@1': 0.5 },
      },
      passages_missing: 1,
    });
    expect(err).toContain('All, 3 questions: recall@1 0.333, recall@5 0.333, recall@10 0.333, MRR@10 0.333');
    expect(err).toContain('1 passage (33%) cannot be found in the index');
  });

  test('refuses a question without words, by its line', async () => {
    const call = searchCall(at('searched-index'), '--method', 'bm25');
    expect((await graftHere([...call, '--query', ' '])).err).toContain('--query is empty.');
    writeFileSync(at('blank.jsonl'), '{"question": "peas"}\n{"question": " "}\n');
    expect((await graftHere([...call, '--queries', at('blank.jsonl')])).err).toMatch(
      /Line 2 of \S*blank\.jsonl has no question/,
    );
  });

  test('prints a list to read without --json, and needs no model for bm25', async () => {
    const { code, out } = await graft([
      ...['search', '--index', at('searched-index'), '--query', 'frost', '--method', 'bm25'],
    ]);
    expect(code).toBe(0);
    expect(out).toMatch(/^1 {2}frost\n {2}1 {2}\d\.\d{3} {2}deep\/beans\.txt 0–58\n {5}Beans need warmth\./);
  });

  test('refuses another model by name, a damaged index and a folder that is none', async () => {
    const call = ['search', '--index', at('searched-index'), '--query', 'x', ...DEVICE_HERE];
    expect((await graftHere(call)).err).toContain('or search by words with --method bm25');
    expect((await graftHere([...call, '--model', CLS])).err).toMatch(
      /searched-index was made with mean, and this call has cls: their vectors/,
    );
    expect((await graftHere(call)).err).toContain('--model is missing.');
    expect((await graftHere([...call, '--model', MEAN, '--pooling', 'cls'])).err).toMatch(
      /searched-index was made with --pooling mean, and this call has --pooling cls: their vectors/,
    );
    cpSync(at('searched-index'), at('damaged'), { recursive: true });
    writeFileSync(
      at('damaged', 'chunks.jsonl'),
      `${readFileSync(at('damaged', 'chunks.jsonl'), 'utf8')}{}\n`,
    );
    const bm25 = ['--query', 'x', '--method', 'bm25'];
    expect((await graftHere(['search', '--index', at('damaged'), ...bm25])).err).toContain(
      'chunks.jsonl is not the file that the index was written with.',
    );
    expect((await graftHere(['search', '--index', at('searched'), ...bm25])).err).toContain(
      'is not an index',
    );
  });
});

test('ranks the chunks of a large index on the device, the earlier of equal ones first', async () => {
  const texts = ['The garden is green.', 'Water runs down and down.', 'A cat sat there.'];
  const rows = Array.from({ length: 10_050 }, (_, i) => ({
    file: 'a',
    start: i,
    end: i + 1,
    text: texts[i % 3],
  }));
  writeFileSync(at('large.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
  const call = [
    'index',
    '--model',
    MEAN,
    ...DEVICE_HERE,
    '--chunks',
    at('large.jsonl'),
    '--out',
    at('large'),
  ];
  expect((await graftHere(call)).code).toBe(0);
  const [{ hits }] = await search(at('large'), '--query', texts[1], '--top', '4');
  expect(hits.map(({ start }) => start)).toEqual([1, 4, 7, 10]);
  expect(hits[0].score).toBeCloseTo(1, 5);
});

test('keeps what an interrupted call has computed, and the same command continues it', async () => {
  const notes = Array.from({ length: 700 }, (_, i) => [
    `note-${String(i).padStart(4, '0')}.txt`,
    `Note ${i}.`,
  ]);
  const folder = documents('many', Object.fromEntries(notes) as Record<string, string>);
  const out = at('many-index');
  let report = '';
  const output: WholeOutput = {
    line: () => undefined,
    // The first slice is done.
    progress: (text) => void (text.startsWith('Embedded 512 ') && process.emit('SIGHUP')),
    result: (text) => void (report += text),
    clear: () => undefined,
    flush: async () => undefined,
  };
  expect(await runCommand(indexCall(['--documents', folder], out), output)).toBe(130);
  process.exitCode = undefined;
  const stopped = JSON.parse(report) as Report;
  expect(stopped).toMatchObject({ documents: 512, chunks: 512, complete: false });
  expect(await index(folder, out)).toMatchObject({ chunks: 700, kept: 512, computed: 188, complete: true });
});
