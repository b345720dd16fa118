/** The page's measurement and `graft evaluate` on the same rows, model and adapter: one record, apart from times and names of places. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { folder } from '../../src/cli/files.ts';
import { openData } from '../../src/data/open-data.ts';
import { choiceReport } from '../../src/evaluate/choice-report.ts';
import { sideOf } from '../../src/evaluate/sides.ts';
import { adapter as adapterMethod } from '../../src/evaluate/methods/adapter.ts';
import { base } from '../../src/evaluate/methods/base.ts';
import { adapterRetrieval, retrieval } from '../../src/evaluate/methods/retrieval.ts';
import { RULE_METHODS } from '../../src/evaluate/methods/registry.ts';
import { readEvaluation } from '../../src/evaluate/record-file.ts';
import type { Evaluation } from '../../src/evaluate/record.ts';
import { readPeft } from '../../src/export/peft.ts';
import { defaultSpec } from '../../src/settings/spec.ts';
import { openModel, type OpenModel } from '../../src/worker/models/model.ts';
import { tokenizeRowsAgain } from '../../src/worker/runs/new-tokens.ts';
import { evalSessionOf } from '../../src/worker/evaluation/eval-session.ts';
import { DocumentLibrary } from '../../src/worker/documents/library.ts';
import { passagePort } from '../../src/worker/documents/passage-port.ts';
import { Slices } from '../../src/worker/slices.ts';
import { unstopped } from '../../src/worker/stopping.ts';
import { describeDevice } from '../engine/adapters.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG, sprigFolder } from '../engine/sprig.ts';
import { memoryDocuments } from '../unit/worker/document-store.ts';

const sample = (name: string): string =>
  fileURLToPath(new URL(`../../public/samples/orders-json/${name}`, import.meta.url));
const notes = (name: string): string =>
  fileURLToPath(new URL(`../../public/samples/notes/${name}`, import.meta.url));
const ADAPTER = fileURLToPath(new URL('../reference/peft/adapter', import.meta.url));
const ROWS = 3;
const at = temporaryFolder();

// A thread of Node in place of the browser's.
vi.mock('../../src/worker/evaluation/sandbox.ts', async () => ({
  startSandboxWorker: (await import('../../src/cli/sandbox.ts')).startSandbox,
}));

/** A comma in a pattern is no end of it. */
const BRACES = { name: 'regex', pattern: '^\\{.{2,}\\}$', as: 'braces' };
const OWN = {
  name: 'javascript',
  code: 'tokens < 99 && prompt !== completion && Object.keys(row).length < 9',
  as: 'short',
};

/** Without times, and without what names the place where it was measured. */
function timeless(record: Evaluation): object {
  const { items, subjects, scorers, scores, evidence, made } = record;
  return {
    ...{ items, scorers, scores, draw: made.draw, newTokens: made.newTokens, choices: made.choices },
    subjects: subjects.map(
      ({ method, loss, general, detail, likelihoods, stopped, failed, lacks, otherText }) => ({
        ...{ method, loss, general, likelihoods, stopped, failed, lacks, otherText },
        detail: detail?.passages
          ? { ...detail, passages: { ...detail.passages, index: undefined, searchSeconds: undefined } }
          : detail,
      }),
    ),
    evidence: evidence.map((row) => row.map((one) => one && { ...one, seconds: undefined, took: undefined })),
  };
}

const ignore = (): void => undefined;
const openSprigOn = (device: Parameters<typeof openModel>[0]): Promise<OpenModel> =>
  openModel(device, { name: 'sprig', bundled: true, files: sprigFolder() }, ignore);

/** The rows of two files, as the page opens them. */
async function openRows(open: OpenModel, train: string, test: string) {
  const fileOf = (path: string) => ({
    name: path.slice(path.lastIndexOf('/') + 1),
    bytes: new Uint8Array(readFileSync(path)),
  });
  const { seed, maxLength } = defaultSpec();
  const { data } = await openData(
    open,
    fileOf(train),
    { maxLength, overlong: 'truncate-end', validation: 0, test: 0, seed },
    { heldOut: fileOf(test) },
    new Slices(ignore, new AbortController().signal),
  );
  return data;
}

/** The measurement of the page. */
function sittingOf(
  open: OpenModel,
  data: Awaited<ReturnType<typeof openRows>>,
  more: Partial<Parameters<typeof evalSessionOf>[2]> = {},
) {
  return evalSessionOf(
    open,
    data,
    { rows: ROWS, lossOf: 'asked', ...more },
    { onProgress: ignore, signal: new AbortController().signal },
    { grow: tokenizeRowsAgain },
  );
}

/** Runs `graft evaluate`. @returns the record that it writes */
async function measured(...args: string[]): Promise<Evaluation> {
  const { code, err } = await graftHere([
    ...['evaluate', '--model', SPRIG, '--adapter', ADAPTER, '--rows', `${ROWS}`, ...DEVICE_HERE],
    ...args,
  ]);
  expect(code, err).toBe(0);
  const out = args[args.indexOf('--out') + 1];
  return readEvaluation(readFileSync(`${out}/evaluation.json`, 'utf8'), 'evaluation.json');
}

async function captainOf(open: OpenModel): Promise<Adapter> {
  const { modules, tensors } = await readPeft(folder(ADAPTER), open.model.definition);
  return Adapter.frozen(open.model, modules, tensors);
}

const MADE = { time: 0, model: { name: 'sprig', bundled: true } };

describeDevice('The record of an evaluation', (context) => {
  test('is the same from the page and from the command', { timeout: 300_000 }, async () => {
    const args = ['--data', sample('train.jsonl'), '--test-data', sample('test.jsonl')];
    const methods = ['--methods', 'frequent,nearest,base,adapter'];
    const metrics = ['--metrics', `valid-json,${JSON.stringify(BRACES)}`, JSON.stringify(OWN)];
    const ofCommand = await measured(...args, ...methods, ...metrics, '--out', at('out'));

    const open = await openSprigOn(context.device);
    const rows = await openRows(open, sample('train.jsonl'), sample('test.jsonl'));
    const sitting = sittingOf(open, rows, { scorers: ['valid-json', BRACES, OWN] });
    const adapter = await captainOf(open);
    const { record, failures } = await sitting.run(MADE, [
      ...RULE_METHODS.map((rule) => sitting.subject(rule, {}, 'base')),
      sitting.subject(base, {}, 'base'),
      sitting.subject(adapterMethod, { label: 'Captain' }, 'adapter', () => Promise.resolve({ adapter })),
    ]);
    expect(failures).toEqual([]);
    expect(timeless(record)).toEqual(timeless(ofCommand));
    expect(record.evidence).toHaveLength(ROWS);
    // Metrics with settings are columns of both.
    expect(record.scorers.slice(-3)).toEqual([
      { name: 'valid-json' },
      { name: 'braces', scorer: BRACES },
      { name: 'short', scorer: OWN },
    ]);
    for (const row of record.scores.flat()) for (const score of row) expect(score).not.toBeNull();
    adapter.destroy();
    await open.model.destroy();
  });

  test.each([
    ['the labels of the data', 'labels', { from: 'labels' as const }, ['accuracy', 'macro-f1']],
    ['a column', 'options', { from: 'column' as const, column: 'options' }, ['accuracy']],
  ])(
    'is the same if answers are chosen among %s',
    { timeout: 300_000 },
    async (_, flag, choices, scorers) => {
      const [train, test] = [at(`${flag}-train.jsonl`), at(`${flag}-test.jsonl`)];
      const LABELS = ['bird', 'fish', 'tree'];
      const rows = (count: number, of: string): string =>
        Array.from({ length: count }, (__, i) => {
          const completion = LABELS[i % 3];
          const options = [LABELS[(i + 1) % 3], completion];
          return `${JSON.stringify({ prompt: `${of} ${i}: Is the owl awake?`, completion, options })}\n`;
        }).join('');
      writeFileSync(train, rows(9, 'Row'));
      writeFileSync(test, rows(6, 'Case'));
      const ofCommand = await measured(
        ...['--data', train, '--test-data', test, '--methods', 'nearest,base,adapter'],
        ...['--choices', flag, '--out', at(flag)],
      );

      const open = await openSprigOn(context.device);
      const sitting = sittingOf(open, await openRows(open, train, test), { choices, scorers });
      const adapter = await captainOf(open);
      const { record, failures } = await sitting.run(MADE, [
        sitting.subject(
          RULE_METHODS.find(({ name }) => name === 'nearest')!,
          {},
          'base',
        ),
        sitting.subject(base, {}, 'base'),
        sitting.subject(adapterMethod, { label: 'Captain' }, 'adapter', () => Promise.resolve({ adapter })),
      ]);
      expect(failures).toEqual([]);
      expect(timeless(record)).toEqual(timeless(ofCommand));
      // What the page draws is what the command prints: accuracy, calibration and its dots.
      const [ofPage, printed] = [record, ofCommand].map((one) => choiceReport(sideOf(one, 2)));
      expect(ofPage).toEqual(printed);
      expect(ofPage!.bins.reduce((sum, { rows: many }) => sum + many, 0)).toBe(ROWS);
      adapter.destroy();
      await open.model.destroy();
    },
  );

  test('is the same with passages of documents', { timeout: 300_000 }, async () => {
    const [documents, template] = [notes('documents.zip'), notes('prompt.jinja')];
    const indexed = await graftHere([
      ...['index', '--model', SPRIG, '--words-only', '--documents', documents, '--out', at('index')],
    ]);
    expect(indexed.code, indexed.err).toBe(0);
    const ofCommand = await measured(
      ...['--data', notes('train.jsonl'), '--test-data', notes('test.jsonl')],
      ...['--methods', 'base,retrieval,adapter,retrieval+adapter', '--index', at('index'), '--top', '2'],
      ...['--passages-template', template, '--out', at('with-passages')],
    );

    const open = await openSprigOn(context.device);
    const data = await openRows(open, notes('train.jsonl'), notes('test.jsonl'));
    const never = (): Promise<never> => Promise.reject(new Error('A search by words needs no encoder'));
    const library = new DocumentLibrary({
      store: memoryDocuments('garden'),
      counter: async () => ({ id: 'sprig', tokenizer: open.tokenizer }),
      ...{ encoderFacts: never, openEncoder: never, readPdf: never },
      isKept: async () => false,
      inTurn: (work) => work(),
    });
    const zip = new File([new Uint8Array(readFileSync(documents))], 'documents.zip');
    await library.add('garden', [{ path: 'documents.zip', file: zip }], {
      ...{ onProgress: ignore, signal: unstopped() },
    });
    const port = await passagePort(
      {
        library: async () => library,
        search: (project, query, choice) => library.search(project, query, choice),
      },
      {
        ...{ projectId: 'garden', method: 'bm25', top: 2 },
        template: readFileSync(template, 'utf8'),
      },
      data,
    );
    const sitting = sittingOf(open, data, { passages: port });
    const adapter = await captainOf(open);
    const tuned = () => Promise.resolve({ adapter });
    const { record, failures } = await sitting.run(MADE, [
      sitting.subject(base, {}, 'base'),
      sitting.subject(retrieval, {}, 'base'),
      sitting.subject(adapterMethod, { label: 'Captain' }, 'adapter', tuned),
      sitting.subject(adapterRetrieval, { label: 'Captain' }, 'adapter', tuned),
    ]);
    expect(failures).toEqual([]);
    expect(timeless(record)).toEqual(timeless(ofCommand));
    // What the passages bring is in the record: prompts with passages, and how many of the right ones are among them.
    const withPassages = record.evidence.flatMap((row) => [row[1], row[3]]);
    expect(withPassages).toHaveLength(2 * ROWS);
    for (const one of withPassages)
      expect(one).toMatchObject({
        passages: expect.any(Array) as unknown,
        recall: expect.any(Number) as unknown,
      });
    adapter.destroy();
    await open.model.destroy();
  });
});
