/** Tuned encoders of a project's documents, with a small encoder of tests/reference on the CPU engine. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { openProcessor } from '../../src/cli/cpu.ts';
import { folder } from '../../src/cli/files.ts';
import { readExamples } from '../../src/data/formats.ts';
import { prepareRows } from '../../src/data/prepare.ts';
import type { Device } from '../../src/engine/device.ts';
import { writePeft, type Files } from '../../src/export/peft.ts';
import { readEncoder } from '../../src/model/family.ts';
import { Random } from '../../src/random.ts';
import { retrieverLines } from '../../src/retrieval/retriever-rows.ts';
import type { DocumentQuestion, EncoderChoice, Progress } from '../../src/worker/api.ts';
import { Encoders } from '../../src/worker/documents/encoders.ts';
import { DocumentLibrary } from '../../src/worker/documents/library.ts';
import { retrieverData } from '../../src/worker/documents/retriever-data.ts';
import { Retrievers, type KeptRetrievers } from '../../src/worker/documents/retrievers.ts';
import { unstopped } from '../../src/worker/stopping.ts';
import { floats, graftHere, temporaryFolder, tensorsOf } from '../engine/graft-command.ts';
import { referencePath } from '../engine/reference-file.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { memoryDocuments } from '../unit/worker/document-store.ts';

const PROJECT = 'garden';
const PLAIN: EncoderChoice = { name: 'mean', passagePrefix: '', questionPrefix: '' };
const SIZE = 32;
const TEXTS = [
  'The pond freezes in January.',
  'The shed holds nine rakes.',
  'The gate squeaks in the rain.',
  'The wall has six roses.',
  'The frog sleeps under the stone.',
  'Sow beans in May.',
];
const at = temporaryFolder();
const watched = { onProgress: (): undefined => undefined, signal: unstopped() };

let device: Device;
let library: DocumentLibrary;
let retrievers: Retrievers;
let kept: KeptRetrievers | undefined;
let questions: readonly DocumentQuestion[];
const adapters = new Map<string, Files>();
beforeAll(async () => {
  device = await openProcessor({ threads: 1 });
  adapters.set('tuned', await adapter(1));
  // Its second matrix is zeros, as before the first step.
  adapters.set('untouched', await adapter(undefined));
});
afterAll(() => device.close());
beforeEach(async () => {
  const encoders = new Encoders(
    async (name) => folder(referencePath('encoders', name)),
    async (id) => adapters.get(id)!,
    async () => device,
  );
  library = new DocumentLibrary({
    store: memoryDocuments(PROJECT),
    readPdf: () => Promise.reject(new Error('There is no PDF')),
    counter: () => Promise.reject(new Error('The encoder counts')),
    encoderFacts: (choice) => encoders.facts(choice),
    openEncoder: (choice, hear) => encoders.open(choice, hear),
    isKept: async () => true,
    inTurn: (work) => work(),
  });
  await library.change(PROJECT, { encoder: PLAIN });
  await add(...TEXTS.keys());
  kept = undefined;
  questions = TEXTS.map((text, n) => ({
    ...{ id: `q${n}`, question: `What of ${n}?`, answer: text, file: `doc-${n}.txt`, by: 'by hand' },
    ...{ state: 'approved', quote: { start: 0, end: text.length, text } },
  }));
  retrievers = new Retrievers(
    {
      read: async () => kept,
      change: async (project, change) => (project === PROJECT ? (kept = change(kept)) : undefined),
    },
    library,
    async () => questions,
    (work) => work(),
  );
});

const add = (...numbers: readonly number[]): ReturnType<DocumentLibrary['add']> =>
  library.add(
    PROJECT,
    numbers.map((n) => ({ path: `garden/doc-${n}.txt`, file: new File([TEXTS[n] ?? `More of ${n}.`], 'x') })),
    watched,
  );

/** @param seed of the second matrices; zeros without one */
async function adapter(seed: number | undefined): Promise<Files> {
  const config = {
    ...{ rank: 2, alpha: 4, dropout: 0, rsLora: false, targets: ['query', 'value'] },
    ...{ rankPattern: {}, alphaPattern: {} },
  };
  const modules = adapterModules(await readEncoder(folder(referencePath('encoders', 'mean'))), config);
  const tensors = initialTensors(modules, 1);
  const random = new Random(seed ?? 0);
  for (const [name, values] of tensors)
    if (seed !== undefined && name.includes('lora_B'))
      for (let i = 0; i < values.length; i++) values[i] = 2 * (random.float() - 0.5);
  return writePeft({ config, modules, tensors }, { baseModel: 'mean', encodes: true });
}

const vectorsOf = async (choice: EncoderChoice): Promise<Float32Array> => {
  await library.change(PROJECT, { encoder: choice });
  const { waiting } = await library.list(PROJECT);
  expect(waiting).toMatchObject({ chunks: TEXTS.length, others: TEXTS.length });
  await library.proceed(PROJECT, watched);
  return library.embed(PROJECT, TEXTS, unstopped());
};

test('an index takes an adapter, and its vectors are those of graft embed', async () => {
  const vectors = await vectorsOf({ ...PLAIN, adapter: { id: 'tuned', name: 'Tuned' } });
  const path = at('tuned');
  mkdirSync(path);
  for (const [name, bytes] of Object.entries(adapters.get('tuned')!)) writeFileSync(join(path, name), bytes);
  writeFileSync(at('texts.jsonl'), TEXTS.map((text) => JSON.stringify({ text })).join('\n'));
  const [data, out] = [at('texts.jsonl'), at('vectors.safetensors')];
  const model = referencePath('encoders', 'mean');
  const flags = ['--model', model, '--adapter', path, '--data', data, '--out', out, '--device', 'cpu'];
  await graftHere(['embed', ...flags]);
  const expected = await floats((await tensorsOf(out)).get('embeddings'));
  expect(vectors).toHaveLength(TEXTS.length * SIZE);
  vectors.forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThan(1e-6));
  // The encoder as it is makes others, so that all are computed again.
  const plain = await vectorsOf(PLAIN);
  expect(Math.max(...plain.map((value, i) => Math.abs(value - expected[i])))).toBeGreaterThan(1e-3);
});

test('rows are those of graft train on the same file', async () => {
  const prefixes = { passagePrefix: 'passage: ', questionPrefix: 'query: ' };
  await library.change(PROJECT, { encoder: { ...PLAIN, ...prefixes } });
  await library.proceed(PROJECT, watched);
  const ground = await retrievers.ground(PROJECT);
  const rows = await retrievers.rows(PROJECT, ground, 2);
  expect(rows.map(({ negatives }) => negatives.length)).toEqual(rows.map(() => 2));
  expect(rows.every(({ positive, negatives }) => !negatives.includes(positive))).toBe(true);
  const { tokenizer } = await new Encoders(
    async (name) => folder(referencePath('encoders', name)),
    async (id) => adapters.get(id)!,
    async () => device,
  ).facts(PLAIN);
  const made = { tokenizer, content: 'x', window: 24 };
  const { places } = retrieverData(rows, ground.sources, ground.encoder, made);
  const lines = new TextEncoder().encode(
    retrieverLines(rows, ground.sources, { passage: 'passage: ', question: 'query: ' }),
  );
  const { examples } = readExamples(lines, { fileName: 'rows.jsonl' });
  const expected = prepareRows(examples, tokenizer, { maxLength: 24, encodes: true }).rows;
  expect(places.map(({ row }) => row)).toEqual(expected);
  expect(places.every(({ part }) => part === 'train')).toBe(true);
});

test('encoders are measured on the questions that no run has seen, and only those', async () => {
  const ground = await retrievers.ground(PROJECT);
  await retrievers.keepSides(PROJECT, ground);
  const asked = await retrievers.rows(PROJECT, ground, 1);
  const trained = asked.map(({ question }) => question.id);
  const named = ['tuned', 'untouched'].map((id) => ({ id, name: id }));
  const turns: (number | undefined)[] = [];
  const far: (readonly [what: string, done: number, total: number])[] = [];
  const onProgress = ({ turn, what, done, total }: Progress): void => {
    turns.push(turn?.at);
    far.push([what, done, total]);
  };
  const measures = await retrievers.measure(PROJECT, ground, named, { ...watched, onProgress });
  const held = questions.filter(({ id }) => !trained.includes(id));
  expect(held.length).toBe(2);
  const [keys] = kept!.measures.map(({ scores }) => Object.keys(scores));
  expect(keys).toEqual(held.map(({ file, question }) => `${file}\n${question}`));
  expect(measures.map(({ adapter: id, questions: of }) => [id, of])).toEqual([
    [undefined, 2],
    ['tuned', 2],
    ['untouched', 2],
  ]);
  expect(new Set(turns)).toEqual(new Set([2, 3]));
  // The encoder is open by then, and its vectors are counted as chunks.
  const chunks = ground.sources.length;
  expect(far.filter(([what]) => what === 'embedding')).toEqual(
    expect.arrayContaining([
      ['embedding', 0, chunks],
      ['embedding', chunks, chunks],
    ]),
  );

  const [base, tuned, same] = measures;
  // Ranks by the search of the index itself.
  const ranks = await Promise.all(
    held.map(async ({ question, file }) => {
      const { hits } = await library.search(PROJECT, question, { method: 'cosine', top: 10 });
      return 1 + hits.findIndex((hit) => hit.file === file);
    }),
  );
  expect(base.mrr.value).toBeCloseTo(ranks.reduce((sum, rank) => sum + 1 / rank, 0) / 2, 12);
  expect(base.recall[10].value).toBe(1);
  expect(base.gain).toBeUndefined();
  expect({ ...same, adapter: undefined, gain: undefined }).toEqual({ ...base, adapter: undefined });
  expect(same.gain).toEqual({ value: 0, better: 0, worse: 0 });
  expect(tuned.gain!.value).toBeCloseTo(tuned.mrr.value - base.mrr.value, 12);

  // Another document changes what is found.
  expect(await retrievers.list(PROJECT, await retrievers.ground(PROJECT))).toEqual(measures);
  await add(9);
  expect(await retrievers.list(PROJECT, await retrievers.ground(PROJECT))).toEqual([]);
});

test('a stop keeps the measures that are complete', async () => {
  const ground = await retrievers.ground(PROJECT);
  const request = new AbortController();
  const hear = ({ turn }: { turn?: { at: number } }): void => {
    if (turn?.at === 2) request.abort(new Error('stopped'));
  };
  const watch = { onProgress: hear, signal: request.signal };
  const work = retrievers.measure(PROJECT, ground, [{ id: 'tuned', name: 'Tuned' }], watch);
  await expect(work).rejects.toThrow('stopped');
  expect((await retrievers.list(PROJECT, ground)).map(({ adapter: id }) => id)).toEqual([undefined]);
});

test('too few questions, and no encoder, are refused with what helps', async () => {
  questions = questions.slice(0, 3);
  const ground = await retrievers.ground(PROJECT);
  const few = await graftError(() => retrievers.rows(PROJECT, ground, 1), 'retriever-questions');
  expect(few.what).toMatch(/^3 approved questions have a passage/);
  // A question without its document makes no row.
  questions = [...questions, { ...questions[0], id: 'gone', file: 'gone.txt' }];
  expect(await retrievers.ground(PROJECT)).toMatchObject({ without: 1 });
  await library.change(PROJECT, { encoder: null });
  await graftError(() => retrievers.ground(PROJECT), 'documents-encoder');
});
