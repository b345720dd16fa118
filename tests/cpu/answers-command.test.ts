/** `graft generate`, `graft chat` and `graft evaluate` with the passages of an index. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { DEVICE_HERE, graft, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { referencePath } from '../engine/reference-file.ts';

const at = temporaryFolder();
const ENCODER = referencePath('encoders', 'mean');
const SPRIG = fileURLToPath(new URL('../../public/models/sprig', import.meta.url));
const BEANS = 'Beans need warmth. Sow beans in May, after the last frost.';
const PEAS = `Peas climb a net. ${'They like cool weather and the rain. '.repeat(12)}`;

interface Answered {
  readonly text: string;
  readonly prompt?: string;
  readonly passages: readonly {
    readonly number: number;
    readonly id: string;
    readonly file: string;
    readonly start: number;
    readonly end: number;
    readonly score: number;
    readonly likelihood?: number;
    readonly text: string;
  }[];
  readonly left_out: readonly string[];
  readonly cited: readonly number[];
  readonly quotes: readonly { text: string; passage: number | null }[];
  readonly refused: boolean;
}

beforeAll(async () => {
  mkdirSync(at('garden'));
  writeFileSync(at('garden', 'beans.md'), BEANS);
  writeFileSync(at('garden', 'peas.md'), PEAS);
  const call = ['index', '--model', ENCODER, '--documents', at('garden'), '--out', at('index')];
  const { code, err } = await graftHere([...call, ...DEVICE_HERE, '--chunk-tokens', '64']);
  expect(code, err).toBe(0);
});

/** The place of a text in a document. */
function placeIn(doc: string, text: string): object {
  const start = (doc === 'beans.md' ? BEANS : PEAS).indexOf(text);
  return { doc, start, end: start + text.length };
}

const call = (...flags: string[]): string[] => [
  ...['generate', '--model', SPRIG, ...DEVICE_HERE, '--max-new-tokens', '8'],
  ...['--index', at('index'), ...flags],
];

async function generate(...flags: string[]): Promise<Answered> {
  const { code, out, err } = await graftHere([...call(...flags), '--json', '--show-prompt']);
  expect(code, err).toBe(0);
  return JSON.parse(out) as Answered;
}

describe('graft generate --index', () => {
  test('takes the best passages of the second ranking, as graft search --rerank has it', async () => {
    const query = 'When are beans sown after frost and rain?';
    const again = ['--method', 'bm25', '--top', '2', '--rerank', SPRIG, '--rerank-top', '3'];
    const { passages } = await generate(...again, '--prompt', query);
    const found = await graftHere([
      ...['search', '--index', at('index'), '--query', query, '--json', ...DEVICE_HERE, ...again],
    ]);
    const { hits } = JSON.parse(found.out) as { hits: Answered['passages'] };
    expect(passages.map(({ id, score, likelihood }) => ({ id, score, likelihood }))).toEqual(
      hits.map(({ id, score, likelihood }) => ({ id, score, likelihood })),
    );
    expect(passages.map(({ likelihood }) => typeof likelihood)).toEqual(['number', 'number']);
  });

  test.each([['bm25'], ['cosine', '--encoder', ENCODER], ['rrf', '--encoder', ENCODER]])(
    'puts the best passages by %s before the question, with their places',
    async (method, ...encoder) => {
      const { passages, prompt, left_out } = await generate(
        ...['--method', method, ...encoder, '--top', '2', '--prompt', 'When are beans sown after frost?'],
      );
      expect(left_out).toEqual([]);
      for (const [i, { number, file, start, end, text }] of passages.entries()) {
        expect(number).toBe(i + 1);
        expect({ 'beans.md': BEANS, 'peas.md': PEAS }[file]?.slice(start, end)).toBe(text);
        expect(prompt).toContain(`[${number}] ${file}`);
        expect(prompt).toContain(text);
      }
      if (method === 'bm25') expect(passages.map(({ file }) => file)).toEqual(['beans.md']);
      else expect(passages).toHaveLength(2);
    },
  );

  test('writes the prompt of a template of its own, and answers each line of a file', async () => {
    writeFileSync(at('own.txt'), '{% for p in passages %}{{ p.text }} {% endfor %}Q: {{ question }}');
    writeFileSync(at('prompts.txt'), 'beans\npeas\n');
    const { code, out, err } = await graftHere([
      ...call('--prompts', at('prompts.txt'), '--passages-template', at('own.txt'), '--show-prompt', '--raw'),
      ...['--top', '1'],
    ]);
    expect(code, err).toBe(0);
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Answered);
    expect(lines[0].prompt).toContain(`${BEANS} Q: beans`);
    expect(lines[1].passages.map(({ file }) => file)).toEqual(['peas.md']);
  });

  test('leaves out passages that do not fit into the window, and says which', async () => {
    writeFileSync(
      at('long.txt'),
      `{{ question }} ${'{% for p in passages %}{{ p.text }} {% endfor %}'.repeat(6)}`,
    );
    const flags = ['--prompt', 'beans weather', '--passages-template', at('long.txt'), '--top', '9'];
    const { left_out, passages } = await generate(...flags);
    expect(passages.length).toBeGreaterThan(0);
    expect(left_out.length).toBeGreaterThan(0);
    const { out, err } = await graftHere(call(...flags));
    expect(err).toMatch(/passages? (is|are) left out, since the prompt has no room: peas\.md \d+–\d+/);
    expect(out).toMatch(/\n\n\[1\] (beans|peas)\.md \d+–\d+ \(not named in the answer\)\n/);
    // An answer that takes the whole window leaves no room for the question either.
    const whole = await graftHere(call('--prompt', 'beans', '--max-new-tokens', '600'));
    expect([whole.code, whole.err]).toEqual([
      1,
      expect.stringMatching(/Without any passage the prompt has \d+ tokens, its answer may take 600/),
    ]);
  });

  test('refuses flags without an index, vectors without an encoder and a template without the question', async () => {
    const failing = async (...flags: string[]): Promise<string> =>
      (await graftHere(['generate', '--model', SPRIG, ...DEVICE_HERE, '--prompt', 'x', ...flags])).err;
    expect(await failing('--top', '3')).toContain(
      '--top is for the passages of an index, and --index is missing.',
    );
    expect(await failing('--index', at('index'), '--method', 'cosine')).toContain('--encoder is missing.');
    expect(await failing('--index', at('index'), '--rerank-top', '2')).toContain('--rerank is missing.');
    writeFileSync(at('bad.txt'), '{{ passages[0].text }}');
    expect(await failing('--index', at('index'), '--passages-template', at('bad.txt'))).toContain(
      'The template of passages leaves out the question',
    );
  });
});

test('graft index --words-only needs no encoder, and its index is searched by words', async () => {
  const made = (...flags: string[]): Promise<{ code: number | null; err: string }> =>
    graftHere([
      ...['index', '--model', SPRIG, '--documents', at('garden'), '--out', at('words'), '--words-only'],
      ...[...DEVICE_HERE, ...flags],
    ]);
  expect((await made()).code).toBe(0);
  expect((await made()).err).toContain('3 kept, 0 computed');
  const search = (...flags: string[]): ReturnType<typeof graftHere> =>
    graftHere(['search', '--index', at('words'), '--query', 'frost', ...flags]);
  expect((await search('--method', 'bm25', '--json')).out).toContain('beans.md#0');
  expect((await search('--model', ENCODER)).err).toContain('has no vectors');
  expect((await made('--prefix', 'x')).err).toContain('--prefix is about vectors');
});

describe('graft passages', () => {
  const ROWS = [
    {
      id: 'b',
      question: 'When are beans sown?',
      answer: 'In May.',
      passages: [placeIn('beans.md', 'Sow beans in May')],
    },
    {
      id: 'p',
      question: 'What do peas climb?',
      answer: 'A net.',
      passages: [placeIn('peas.md', 'Peas climb a net')],
    },
    { id: 'n', question: 'Who eats the peas?', answer: '', passages: [] },
  ];
  const rowsCall = (questions: readonly object[], ...flags: string[]): string[] => {
    writeFileSync(at('questions.jsonl'), questions.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return [
      'passages',
      '--index',
      at('index'),
      '--questions',
      at('questions.jsonl'),
      '--out',
      at('rows.jsonl'),
      ...flags,
    ];
  };

  test('writes rows of passages, question and answer with a quote, which graft train learns from', async () => {
    const { code, out, err } = await graftHere(
      rowsCall(ROWS, '--without-passage', '0', '--top', '2', '--json'),
    );
    expect(code, err).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      rows: 3,
      with_passage: 2,
      without_passage: 0,
      unanswerable: 1,
      left_out: [],
    });
    const rows = readFileSync(at('rows.jsonl'), 'utf8').trimEnd().split('\n');
    const [beans, , none] = rows.map((row) => JSON.parse(row) as { messages: { content: string }[] });
    expect(beans.messages[0].content).toContain(BEANS);
    expect(beans.messages[1].content).toMatch(/^In May\. "Sow beans in May" \[[12]\]$/);
    expect(none.messages[1].content).toBe('The documents do not say.');
    const trained = await graftHere([
      ...['train', '--model', SPRIG, '--data', at('rows.jsonl'), '--out', at('reader'), ...DEVICE_HERE],
      ...[
        '--steps',
        '1',
        '--batch',
        '1',
        '--max-length',
        '512',
        '--val-fraction',
        '0',
        '--test-fraction',
        '0',
      ],
    ]);
    expect(trained.code, trained.err).toBe(0);
    const again = await graftHere(rowsCall(ROWS));
    expect(again.err).toContain('is there already');
  });

  test('--rows retriever writes questions with their chunk and hard negatives, which an encoder learns from', async () => {
    const retriever = ['--rows', 'retriever', '--negatives', '2', '--overwrite', '--json'];
    const { code, out, err } = await graftHere(rowsCall(ROWS, ...retriever));
    expect(code, err).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ rows: 2, negatives: 2, without_passage: 1, left_out: [] });
    // No other chunk has a word of these questions.
    const none = 'without a hard negative: the search found no more chunks.';
    expect(err).toContain(`, ${none} 1 question without a passage left out.`);
    const [beans] = readFileSync(at('rows.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { positive: string; negative: string[]; chunks: string[] });
    expect(beans).toMatchObject({ id: 'b', query: 'When are beans sown?', chunks: ['beans.md#0'] });
    expect(beans.positive).toContain('Sow beans in May');
    expect(beans.negative.join()).not.toContain('Sow beans in May');
    const trained = await graftHere([
      ...['train', '--objective', 'contrastive', '--model', ENCODER, '--data', at('rows.jsonl')],
      ...['--out', at('retriever'), ...DEVICE_HERE, '--steps', '1', '--batch', '2'],
      ...['--val-fraction', '0', '--test-fraction', '0'],
    ]);
    expect(trained.code, trained.err).toBe(0);
    const lost = { ...ROWS[0], id: 'lost', passages: [{ doc: 'kale.md', start: 0, end: 9 }] };
    const both = { ...ROWS[0], id: 'both', question: 'When are beans and peas sown?' };
    const some = await graftHere(
      rowsCall([lost, both, ROWS[1]], '--rows', 'retriever', '--negatives', '1', '--overwrite'),
    );
    expect([some.code, some.err]).toEqual([
      1,
      expect.stringContaining('Question lost has no passage that a chunk'),
    ]);
    expect(some.err).toContain(', 1 with 1 hard negative and 1 with fewer: the search found no more chunks.');
    expect((await graftHere(rowsCall(ROWS, ...retriever, '--seed', '3'))).err).toContain(
      '--seed has no meaning for --rows retriever.',
    );
    expect((await graftHere(rowsCall(ROWS, '--negatives', '2', '--overwrite'))).err).toContain(
      '--negatives has no meaning for --rows reader.',
    );
  });

  test('names each question that cannot be a row, and keeps the others', async () => {
    const bad = [
      { ...ROWS[0], id: 'lost', passages: [{ doc: 'kale.md', start: 0, end: 9 }] },
      { ...ROWS[1], id: 'made-up', quotes: ['peas climb a tree'] },
    ];
    const { code, err } = await graftHere(rowsCall([...bad, ROWS[0]], '--overwrite'));
    expect(code).toBe(1);
    expect(err).toContain('Question lost has the passage kale.md 0–9, which is not in the index.');
    expect(err).toContain('Question made-up quotes “peas climb a tree”, which is not in its passages.');
    expect(err).toContain('Wrote 1 row to');
    expect((await graftHere(rowsCall(bad, '--overwrite'))).err).toContain('No question of');
    expect((await graftHere(rowsCall([{ ...ROWS[0], answer: '' }], '--overwrite'))).err).toContain(
      'Line 1 of',
    );
    expect((await graftHere(rowsCall(ROWS, '--overwrite', '--without-passage', '2'))).err).toContain(
      'Give a share from 0 to 1.',
    );
  });
});

test('graft chat answers each question behind passages of its own, and shows their places', async () => {
  const { code, out, err } = await graft(
    [
      ...['chat', '--model', SPRIG, ...DEVICE_HERE, '--max-new-tokens', '4', '--index', at('index')],
      ...['--top', '1', '--show-prompt', '--rerank', SPRIG, '--rerank-top', '1'],
    ],
    undefined,
    {},
    'beans frost\nnet\n',
  );
  expect(code, err).toBe(0);
  expect(out.match(/^\[1\] (beans|peas)\.md/gm)).toEqual(['[1] beans.md', '[1] peas.md']);
  expect(err.match(/Ranked 1 chunk again by \S*sprig/g)).toHaveLength(2);
  const [, second] = err.split('Question: beans frost');
  expect(second).toContain('Peas climb a net.');
  // The turn before is there without its passage.
  expect(second).not.toContain(BEANS);
});

interface Measured {
  readonly method: string;
  readonly rows: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly search?: object;
  readonly documents: {
    readonly recall?: number;
    readonly recall_rows?: number;
    readonly from_passages?: object | null;
    readonly wrongly_refused: { readonly of: number };
    readonly wrongly_answered: { readonly of: number };
    readonly prompt_tokens: number;
    readonly window_share?: number;
  };
}

describe('graft evaluate --index', () => {
  const rows = [
    { question: 'When are beans sown?', answer: 'In May.', passages: [{ doc: 'beans', start: 19, end: 36 }] },
    { question: 'What do peas climb?', answer: 'A net.', passages: [{ doc: 'peas', start: 0, end: 17 }] },
    { question: 'Where do figs grow?', answer: '', passages: [] },
  ];
  const evaluate = (...flags: string[]): ReturnType<typeof graftHere> =>
    graftHere(['evaluate', '--model', SPRIG, ...DEVICE_HERE, '--data', at('rows.jsonl'), ...flags]);

  beforeAll(() => {
    writeFileSync(at('rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  });

  test('measures passages, an adapter and both on the same rows, with a row that the documents do not answer', async () => {
    const train = ['train', '--model', SPRIG, ...DEVICE_HERE, '--data', at('rows.jsonl'), '--steps', '1'];
    const trained = await graftHere([...train, '--out', at('adapter')]);
    expect(trained.code, trained.err).toBe(0);
    const { code, out, err } = await evaluate(
      ...['--split', 'all', '--methods', 'zero-shot,retrieval,adapter,retrieval+adapter', '--json'],
      ...['--adapter', at('adapter'), '--index', at('index'), '--top', '2', '--out', at('evaluation')],
      ...['--rerank', SPRIG, '--rerank-top', '2'],
    );
    expect(code, err).toBe(0);
    const report = JSON.parse(out) as {
      readonly methods: readonly Measured[];
      readonly documents_or_weights: readonly { cells: object; sentence: string }[];
    };
    expect(report.methods.map(({ method, rows: many }) => [method, many])).toEqual([
      ['base', 3],
      ['retrieval', 3],
      ['adapter', 3],
      ['adapter-retrieval', 3],
    ]);
    for (const { method, documents } of report.methods) {
      expect(documents.wrongly_refused.of).toBe(2);
      expect(documents.wrongly_answered.of).toBe(1);
      const hasPassages = method.endsWith('retrieval');
      // BM25 finds both passages by their words.
      if (hasPassages) expect(documents).toMatchObject({ recall: 1, recall_rows: 2 });
      else expect(documents.recall ?? documents.window_share).toBeUndefined();
      if (hasPassages) expect(documents.window_share).toBeGreaterThan(0);
    }
    const [, { search }] = report.methods;
    expect(search).toMatchObject({ search: 'bm25', top: 2, reranked: 2 });
    // The measured model ranked them: no other one is named.
    expect(search).not.toHaveProperty('rerankedBy');
    const [alone, withPassages] = report.methods.map(({ documents }) => documents.prompt_tokens);
    expect(withPassages).toBeGreaterThan(alone + 50);
    expect(Object.keys(report.documents_or_weights[0].cells)).toEqual([
      ...['neither', 'documents', 'weights', 'both'],
    ]);
    const { sentence } = report.documents_or_weights[0];
    expect(readFileSync(at('evaluation', 'report.html'), 'utf8')).toContain(sentence);

    const again = await graftHere(['evaluate', '--open', at('evaluation', 'evaluation.json')]);
    expect(again.out).toContain(sentence);
    expect(again.out).toContain(
      'Before, the model ranked the best 2 again, by the likelihood of the question.',
    );
    expect(again.out).toMatch(/^documents +passages found +answers from passages +wrongly refused/m);
  });

  test('refuses methods without an index, and an index without its methods', async () => {
    expect((await evaluate('--methods', 'base,retrieval')).err).toContain('--index is missing');
    expect((await evaluate('--methods', 'base', '--index', at('index'))).err).toContain(
      '--methods leaves retrieval out',
    );
  });
});
