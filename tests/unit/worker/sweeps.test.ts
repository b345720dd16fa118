/** A sweep of the page: it rests and continues without losing what is done, ends early, and plans the runs that the command plans. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { Flags } from '../../../src/cli/flags.ts';
import type { Output } from '../../../src/cli/output.ts';
import { sweepFlags } from '../../../src/cli/sweep-flags.ts';
import { planSweep } from '../../../src/cli/sweep-plan.ts';
import { splitCommand } from '../../../src/cli/split.ts';
import { dealFolds } from '../../../src/data/folds.ts';
import type { Part } from '../../../src/data/parts.ts';
import type { DataOptions } from '../../../src/data/options.ts';
import { GraftError } from '../../../src/errors.ts';
import { itemOf } from '../../../src/lists.ts';
import { headlessSweep, planOfForm, type SweepAsk } from '../../../src/runs/sweep/form.ts';
import type { SweepState } from '../../../src/runs/sweep/record.ts';
import { pageValues } from '../../../src/settings/table.ts';
import type { StoredSweep } from '../../../src/storage/records.ts';
import type { FormSpec, RunRecord, SweepEvent, SweepInfo } from '../../../src/worker/api.ts';
import type { DataSet } from '../../../src/worker/data/data.ts';
import { recordOf, type Evaluation } from '../../../src/evaluate/record.ts';
import type { AskedFold } from '../../../src/worker/sweep/folds.ts';
import type { Swept } from '../../../src/worker/runs/runs.ts';
import { storedId } from '../../../src/worker/sweep/info.ts';
import type { SweepTrainer } from '../../../src/worker/sweep/port.ts';
import { Sweeps } from '../../../src/worker/sweep/sweeps.ts';
import { graftError } from '../expect-graft-error.ts';
import { shellCommands } from '../shell-commands.ts';
import { openSprig, readRows } from './open-sprig.ts';

const open = await openSprig();
const OPTIONS: DataOptions = { maxLength: 64, overlong: 'truncate-end', validation: 0.25, test: 0, seed: 3 };
const TEXT = Array.from({ length: 24 }, (_, i) =>
  JSON.stringify({ prompt: `What is number ${i}?`, completion: i % 2 === 0 ? 'even' : 'odd' }),
).join('\n');
const FOLDER = mkdtempSync(join(tmpdir(), 'graft-sweeps-'));
const PATH = join(FOLDER, 'rows.jsonl');
writeFileSync(PATH, TEXT);
const data: DataSet = {
  ...(await readRows(open, { name: 'rows.jsonl', bytes: new TextEncoder().encode(TEXT) }, OPTIONS)),
  path: PATH,
};
const form: FormSpec = {
  ...pageValues({ steps: 8, batch: 4, lr: 1e-3, warmup: 0, seed: 3, evalEvery: 4 }),
  name: 'digits',
  samplePrompt: '',
  sampleEvery: 0,
  targets: ['q_proj', 'v_proj'],
  maxLength: 64,
};
const GRID: SweepAsk = { grid: 'lr=1e-4,1e-3,1e-2' };

/** What a browser keeps. It survives a reload, and the trainer of the tab does not. */
let sweeps: Map<string, StoredSweep>;
let runs: Map<string, RunRecord>;
let library: Set<string>;
/** Steps that were trained, all runs together. */
let trained: number;
/** Called before each step: it may throw, pause, or close the tab. */
let beforeStep: (run: string, step: number, trainer: SweepTrainer) => void;
/** The rows that each run of a cross-validation trained on, by their lines. */
let trainedOn: Map<string, number[]>;
/** Called before a fold is measured. */
let beforeFold: (fold: number) => void;
let foldsMeasured: number[];

const linesOf = (rows: DataSet, part: Part): number[] =>
  rows.places.filter((place) => place.part === part).map(({ line }) => line);

/** What the adapter of a fold answers: it is right on rows with an even line, and the base on every third one. */
function measureFold({ data: rows, runId, signal }: AskedFold): Evaluation {
  const fold = Number(runId.slice(-3)) - 1;
  beforeFold(fold);
  if (signal.aborted) throw new GraftError('worker-aborted', 'Stopped.', 'Again.');
  foldsMeasured.push(fold);
  const own = rows.places.filter(({ part }) => part === 'test');
  const items = own.map(({ line }, row) => ({
    ...{
      row,
      line,
      prompt: itemOf(rows.questions, row).prompt,
      expected: itemOf(rows.questions, row).expected,
    },
  }));
  const answered = (isRight: (line: number) => boolean) => ({
    answers: own.map(({ line }, at) => ({ text: isRight(line) ? items[at].expected : 'neither' })),
    scores: { 'exact-match': own.map(({ line }) => Number(isRight(line))) },
  });
  const lossOf = (loss: number) => ({
    loss: { loss, perplexity: Math.exp(loss), supervisedTokens: 10 * (fold + 1), rows: own.length },
  });
  return recordOf(
    {
      ...{ time: 0, model: { name: 'sprig', bundled: true }, seconds: 2, newTokens: 64 },
      draw: { seed: 3, of: own.length, test: own.length, tooLong: 0 },
    },
    items,
    [
      { subject: { method: 'base', label: 'Base', ...lossOf(4) }, ...answered((line) => line % 3 === 0) },
      {
        subject: {
          ...{ method: 'adapter', label: runId, adapter: { name: runId, id: runId } },
          seen: { asked: 0, test: 0, of: own.length },
          ...lossOf(fold + 1),
        },
        ...answered((line) => line % 2 === 0),
      },
      {
        subject: {
          ...{ method: 'frequent', label: 'Most frequent answer' },
          detail: { answer: fold === 0 ? 'even' : 'odd', share: 0.5 + fold / 10 },
        },
        ...answered(() => false),
      },
    ],
    [{ name: 'exact-match' }],
  );
}

/** The loss of a run falls with its steps, and most at a rate of 1e-3. */
const lossAt = ({ lr }: FormSpec, step: number): number => Math.abs(Math.log10(lr) + 3) + 1 / step;

class ClosedTab extends Error {}

function tab(): { readonly own: Sweeps; readonly trainer: SweepTrainer } {
  let isPausing = false;
  const train = async (options: FormSpec, swept: Swept, from: number): Promise<RunRecord> => {
    isPausing = false;
    const until = swept.pauseAfter ?? options.steps;
    let step = from;
    const keep = (status: RunRecord['status'], resumable: boolean): RunRecord => {
      const points = Array.from({ length: step }, (_, at) => ({ step: at + 1, seconds: 0.5 }));
      const judged = step - (step % options.evalEvery);
      const record = {
        ...{ id: swept.id, sweep: swept.sweep, options, status, resumable, step, steps: points },
        ...(judged > 0 && { bestEval: { step: judged, loss: lossAt(options, judged) } }),
      } as unknown as RunRecord;
      runs.set(swept.id, record);
      return record;
    };
    keep('paused', true);
    while (step < until) {
      await Promise.resolve();
      if (isPausing) return keep('paused', true);
      try {
        beforeStep(swept.id, step + 1, trainer);
      } catch (error) {
        if (!(error instanceof ClosedTab)) keep('failed', false);
        throw error;
      }
      step++;
      trained++;
      keep('paused', true);
    }
    return keep(step === options.steps ? 'done' : 'paused', step < options.steps);
  };
  const trainer: SweepTrainer = {
    start: (options, _, swept) => {
      if (swept?.rows) trainedOn.set(swept.id, linesOf(swept.rows, 'train'));
      return train(options, swept!, 0);
    },
    resume: (id, _, swept) => train(runs.get(id)!.options, swept!, runs.get(id)!.step),
    pause: () => void (isPausing = true),
    cancel: () => Promise.resolve(),
    release: () => Promise.resolve(),
    async read(id) {
      const found = runs.get(id);
      if (found) return found;
      throw new GraftError('run-missing', 'No run.', 'None.');
    },
  };
  const own = new Sweeps({
    trainer,
    store: {
      list: async () => structuredClone([...sweeps.values()]),
      read: async (id) => structuredClone(sweeps.get(id)),
      put: async (sweep) => void sweeps.set(sweep.id, structuredClone(sweep)),
      async delete(sweep) {
        sweeps.delete(sweep.id);
        for (const id of runs.keys()) if (id.startsWith(sweep.id)) runs.delete(id);
      },
      drop: async (id) => void runs.set(id, { ...runs.get(id)!, status: 'cancelled', resumable: false }),
      adapters: async ({ id }) => {
        const made = [...runs.values()].filter((run) => run.id.startsWith(id) && run.status === 'done');
        const kept = new Set(made.map((run) => run.id).filter((run) => library.has(run)));
        return { swept: new Set(made.map((run) => run.id).filter((run) => !kept.has(run))), kept };
      },
      keepAdapter: async (_, id) => (runs.get(id)?.status === 'done' ? library.add(id) : undefined),
    },
    open: async () => open,
    data: () => data,
    projectOf: async () => 'p',
    forecast: async (asked) =>
      asked.map(({ steps }) => ({
        ...{ total: 2 * steps, steps: 2 * steps, validations: 0 },
        source: { kind: 'run', steps: 20, sameSize: true },
      })),
    alone: (work) => work(),
    elsewhere: async () => false,
    changed: () => undefined,
    measure: async (asked) => measureFold(asked),
  });
  return { own, trainer };
}

const statuses = ({ runs: own }: SweepInfo): string[] => own.map(({ status, step }) => `${status} ${step}`);
const ignore = (): void => undefined;

beforeEach(() => {
  [sweeps, runs, library, trained] = [new Map(), new Map(), new Set(), 0];
  beforeStep = ignore;
  [trainedOn, foldsMeasured, beforeFold] = [new Map(), [], ignore];
});

describe('a sweep of the page', () => {
  test('trains every recipe, names the best by validation, and keeps its adapter when asked', async () => {
    const { own } = tab();
    const heard: SweepEvent[] = [];
    const { sweep, failure } = await own.start(GRID, form, (event) => heard.push(event));
    expect(failure).toBeUndefined();
    expect(sweep.status).toBe('done');
    expect(statuses(sweep)).toEqual(['done 8', 'done 8', 'done 8']);
    expect(sweep.lines.map(({ recipe }) => recipe)).toEqual([1, 0, 2]);
    expect(sweep.result[0]).toMatch(/^Best by validation: learning rate 0\.001, loss 0\.1250/);
    expect(sweep.limits).toMatch(/^The test rows were not used\./);
    expect(sweep.picture?.lines.at(-1)).toMatchObject({ recipe: 1, kind: 'best' });
    expect(heard.flatMap((event) => (event.type === 'sweep' ? [event.sweep.status] : []))).toContain(
      'running',
    );

    const best = sweep.lines[0].best!;
    expect(best.adapter).toBe('swept');
    const kept = await own.keep(sweep.id, best.run.id);
    expect(kept.lines[0].best?.adapter).toBe('kept');
    expect([...library]).toEqual([storedId(sweep.id, 'run-002')]);
  });

  test('gives its runs their settings and samples no answers meanwhile', async () => {
    await tab().own.start({ ...GRID, seeds: '5,6' }, { ...form, sampleEvery: 2, forgetting: true }, ignore);
    const [first] = [...runs.values()];
    expect(first.options).toMatchObject({
      name: 'digits run-001',
      lr: 1e-4,
      seed: 5,
      steps: 8,
      sampleEvery: 0,
    });
    expect(first.options.forgetting).toBeUndefined();
    expect([...runs.values()].map(({ options }) => options.seed)).toEqual([5, 5, 5, 6, 6, 6]);
  });

  test('pauses in the middle of a run, and continues without training a step twice', async () => {
    const { own } = tab();
    beforeStep = (run, step) => {
      if (run.endsWith('run-002') && step === 4) own.pause();
    };
    const { sweep } = await own.start(GRID, form, ignore);
    expect(sweep.status).toBe('interrupted');
    expect(statuses(sweep)).toEqual(['done 8', 'paused 4', 'waiting 0']);
    beforeStep = ignore;
    const { sweep: rest } = await own.continue(sweep.id, ignore);
    expect(statuses(rest)).toEqual(['done 8', 'done 8', 'done 8']);
    expect(trained).toBe(24);
  });

  test('rests with a run that something else paused', async () => {
    const { own } = tab();
    beforeStep = (run, step, trainer) => {
      if (run.endsWith('run-001') && step === 3) trainer.pause();
    };
    const { sweep } = await own.start(GRID, form, ignore);
    expect([sweep.status, ...statuses(sweep)]).toEqual(['interrupted', 'paused 3', 'waiting 0', 'waiting 0']);
  });

  test('continues after a reload where the closed tab left it', async () => {
    beforeStep = (run, step) => {
      if (run.endsWith('run-002') && step === 6) throw new ClosedTab();
    };
    // The tab is gone before anything could be written.
    const first = tab();
    const put = sweeps.set.bind(sweeps);
    void first.own.start(GRID, form, (event) => {
      if (event.type === 'sweep' && event.sweep.runs[1].status === 'running') sweeps.set = () => sweeps;
    });
    await expect.poll(() => trained).toBe(13);
    sweeps.set = put;

    beforeStep = ignore;
    const { own } = tab();
    const [left] = await own.list();
    expect([left.status, ...statuses(left)]).toEqual(['interrupted', 'done 8', 'running 0', 'waiting 0']);
    const { sweep } = await own.continue(left.id, ignore);
    expect(statuses(sweep)).toEqual(['done 8', 'done 8', 'done 8']);
    expect(trained).toBe(24);
  });

  test('halves: what is out is dropped, and the best continues from where it was', async () => {
    const { sweep } = await tab().own.start({ grid: 'lr=1e-4,1e-3', halving: 2 }, form, ignore);
    expect(statuses(sweep)).toEqual(['out 4', 'done 8']);
    expect(trained).toBe(12);
    expect(runs.get(storedId(sweep.id, 'run-001'))).toMatchObject({ status: 'cancelled', resumable: false });
  });

  test('ends with its budget of steps, and continues without it', async () => {
    const { own } = tab();
    const { sweep } = await own.start({ ...GRID, budgetSteps: 12 }, form, ignore);
    // Each run has an equal part of the budget.
    expect(sweep.status).toBe('done');
    expect(statuses(sweep)).toEqual(['done 4', 'done 4', 'done 4']);
    const { sweep: cut } = await own.start({ grid: 'steps=4,8', budgetSteps: 6 }, form, ignore);
    expect([cut.status, ...statuses(cut)]).toEqual(['budget', 'done 4', 'waiting 0']);
    const { sweep: rest } = await own.continue(cut.id, ignore);
    expect([rest.status, ...statuses(rest)]).toEqual(['done', 'done 4', 'done 8']);
  });

  test('rests where storage or another tab stops it, and goes on past a run that diverges', async () => {
    const { own } = tab();
    beforeStep = (run, step) => {
      if (run.endsWith('run-001') && step === 2)
        throw new GraftError('train-diverged', 'Not finite.', 'Lower.');
      if (run.endsWith('run-002') && step === 2)
        throw new GraftError('storage-full', 'No room.', 'Free some.');
    };
    const { sweep, failure } = await own.start(GRID, form, ignore);
    expect(failure?.code).toBe('storage-full');
    expect(sweep.status).toBe('interrupted');
    expect(sweep.runs[0]).toMatchObject({ status: 'failed', why: 'Not finite.' });
    expect(sweep.runs[2].status).toBe('waiting');
  });

  test('cancelled, it keeps what is done and cannot be continued', async () => {
    const { own } = tab();
    beforeStep = (run, step) => {
      if (run.endsWith('run-002') && step === 4) own.pause();
    };
    const { sweep } = await own.start(GRID, form, ignore);
    const ended = await own.cancel(sweep.id);
    expect([ended.status, ...statuses(ended)]).toEqual(['cancelled', 'done 8', 'out 4', 'waiting 0']);
    expect(ended.lines[0].best?.run.id).toBe('run-001');
    expect(runs.get(storedId(sweep.id, 'run-002'))?.resumable).toBe(false);
    await graftError(() => own.continue(sweep.id, ignore), 'sweep-over');
    await own.delete(sweep.id);
    expect([sweeps.size, runs.size]).toEqual([0, 0]);
  });

  test('is not continued on other rows', async () => {
    const { own } = tab();
    beforeStep = () => own.pause();
    const { sweep } = await own.start(GRID, form, ignore);
    const kept = sweeps.get(sweep.id)!;
    sweeps.set(sweep.id, { ...kept, on: { ...kept.on, rows: 'others' } });
    await graftError(() => own.continue(sweep.id, ignore), 'sweep-data');
  });
});

describe('a cross-validation of the page', () => {
  const FOLDS: SweepAsk = { folds: 3 };
  /** All rows but those of the test part, which this split has none of. */
  const all = [...linesOf(data, 'train'), ...linesOf(data, 'validation')].sort((a, b) => a - b);

  test('answers every row once, by an adapter that did not learn it, and joins the folds as one method', async () => {
    const { own } = tab();
    const heard: SweepEvent[] = [];
    const { sweep, failure } = await own.start(FOLDS, form, (event) => heard.push(event));
    expect(failure).toBeUndefined();
    expect([sweep.status, ...statuses(sweep)]).toEqual(['done', 'done 8', 'done 8', 'done 8']);
    const { items, subjects, made, evidence } = await own.joined(sweep.id);
    expect(items.map(({ line }) => line).sort((a, b) => a! - b!)).toEqual(all);
    for (const { line, fold } of items) {
      const run = storedId(sweep.id, `run-00${fold! + 1}`);
      expect(trainedOn.get(run)).not.toContain(line);
      expect(trainedOn.get(run)!.length + items.filter((item) => item.fold === fold).length).toBe(24);
    }
    expect(made).toMatchObject({ folds: 3, seconds: 6, draw: { of: 24, test: 24 } });
    expect(subjects.map(({ method, label }) => [method, label])).toEqual([
      ['base', 'Base'],
      ['adapter', 'digits, 3 folds'],
      ['frequent', 'Most frequent answer'],
    ]);
    expect(subjects[2].detail).toEqual({ answer: 'even” or “odd', share: expect.closeTo(0.6, 12) as number });
    // 10 tokens of loss 1, 20 of loss 2, 30 of loss 3.
    expect(subjects[1]).toMatchObject({
      seen: { asked: 0, test: 0, of: 24 },
      loss: { loss: 140 / 60, supervisedTokens: 60, rows: 24 },
    });
    expect(evidence.every((row) => row.every((answer) => answer !== null))).toBe(true);
    // Lines 1 to 24: even ones against those that 3 divides: 8 only even, 4 only by 3; binomial 2 × P(X ≤ 4 of 12).
    expect(sweep.result[0]).toBe(
      'Tuning may have helped: the adapter gets 12 of 24 held-out rows exactly right. The best without tuning, the base model, gets 8. The difference may be chance.',
    );
    expect(sweep.result[1]).toBe('The adapters get 12 of 24 rows exactly right (50%), the base model 8.');
    expect(sweep.result[2]).toContain('right on 8, only the base model on 4 (p = 0.39)');
    expect(sweep.folds).toEqual({ count: 3, measured: 3 });
    // No run validates: nothing is held out for it.
    expect([...runs.values()].map(({ options }) => [options.evalEvery, options.patience])).toEqual([
      ...[0, 1, 2].map(() => [0, 0]),
    ]);
  });

  test('rests while answers are measured, and measures only the other folds after a reload', async () => {
    const { own } = tab();
    beforeFold = (fold) => {
      if (fold === 1) own.pause();
    };
    const { sweep, failure } = await own.start(FOLDS, form, ignore);
    expect([failure, sweep.status, sweep.folds]).toEqual([
      undefined,
      'interrupted',
      { count: 3, measured: 1 },
    ]);
    await graftError(() => own.joined(sweep.id), 'folds-open');
    beforeFold = ignore;
    const again = tab().own;
    const { sweep: rest } = await again.continue(sweep.id, ignore);
    expect([rest.status, rest.folds, foldsMeasured, trained]).toEqual([
      'done',
      { count: 3, measured: 3 },
      [0, 1, 2],
      24,
    ]);
  });

  test('says before the start what it trains, and refuses what it cannot measure', async () => {
    const { own } = tab();
    const plan = await own.plan(FOLDS, form);
    expect(plan).toMatchObject({ runs: 3, steps: 24, time: { least: 48, most: 48 } });
    expect(plan.plan).toMatch(/^3 folds of 24 rows: a run of 8 steps for each, on about 16 rows\./);
    await graftError(() => own.plan({ folds: 1 }, form), 'arguments');
    await graftError(() => own.plan({ folds: 25 }, form), 'arguments');
    await graftError(() => own.plan(FOLDS, { ...form, method: 'full' }), 'folds-model');
    await graftError(() => own.plan(FOLDS, { ...form, start: { id: 'a', name: 'before' } }), 'folds-start');
  });
});

test('a plan says how many runs and steps there are and how long that takes, before anything trains', async () => {
  const { own } = tab();
  const flat = await own.plan({ ...GRID, seeds: '1,2' }, form);
  expect(flat).toMatchObject({ runs: 6, steps: 48, time: { least: 96, most: 96 } });
  expect(flat.first).toEqual(['learning rate 0.0001', 'learning rate 0.001', 'learning rate 0.01']);
  const halved = await own.plan({ grid: 'lr=1e-4,1e-3', halving: 2 }, form);
  expect(halved).toMatchObject({ steps: 12, time: { least: 24, most: 24 } });
  await graftError(() => own.plan({ grid: 'lr=fast' }, form), 'arguments');
  await graftError(() => own.plan({ grid: 'lr=1e-3' }, form), 'arguments');
  await graftError(() => own.plan({ grid: 'method=lora,full' }, form), 'sweep-model');
  expect(trained).toBe(0);
});

describe('page and command', () => {
  const output: Output = { line: ignore, progress: ignore, result: ignore, clear: ignore };
  test.each<[string, SweepAsk]>([
    ['a grid', { grid: 'lr=1e-4,1e-3;rank=2,4' }],
    ['a grid with seeds and halving', { grid: 'lr=1e-4,1e-3,1e-2', seeds: '4,5', halving: 2 }],
    ['random draws', { range: 'lr=1e-5..1e-2:log;schedule=cosine,linear', random: 5 }],
    ['seeds within a budget of steps', { seeds: '1,2,3', budgetSteps: 30 }],
    ['epochs and a switch', { grid: 'epochs=1,2;packing=true,false' }],
  ])('plan the same runs in the same order for %s', async (_, ask) => {
    const ofPage = planOfForm(form, ask, data, undefined);
    const line = headlessSweep(form, ask, data, {
      source: { name: 'sprig', bundled: true },
      info: { name: 'sprig', precision: 'f32', maxPositions: 512, layers: 6 },
    });
    const [[, , command, ...words]] = shellCommands(line);
    expect(command).toBe('sweep');
    const { rows, varied, seeds, rungs, runs: own } = await planSweep(new Flags(sweepFlags, words), output);
    const { status: __, ...planned } = ofPage;
    expect(planned).toEqual({ rows, varied, seeds, rungs, runs: own } satisfies Omit<SweepState, 'status'>);
  });

  test.each<[string, Partial<DataOptions>]>([
    ['rows drawn one by one', { validation: 0.25, test: 0.25 }],
    [
      'labels and sources kept together',
      { validation: 0, test: 0.25, fair: { stratify: 'label', group: 'page' } },
    ],
  ])('deal %s to the same folds', async (_, how) => {
    const path = join(FOLDER, 'sources.jsonl');
    const text = Array.from({ length: 40 }, (__, i) =>
      // The last rows come up again.
      JSON.stringify({
        prompt: `What is ${i % 36}?`,
        completion: i % 4 === 0 ? 'a' : 'b',
        page: `p${i % 18}`,
      }),
    );
    writeFileSync(path, text.join('\n'));
    const file = { name: 'sources.jsonl', bytes: new TextEncoder().encode(text.join('\n')) };
    const rows = { ...(await readRows(open, file, { ...OPTIONS, ...how })), path };
    const line = headlessSweep({ ...form, name: _ }, { folds: 4 }, rows, {
      source: { name: 'sprig', bundled: true },
      info: { name: 'sprig', precision: 'f32', maxPositions: 512, layers: 6 },
    });
    const commands = shellCommands(line);
    expect(commands.map(([, , command]) => command)).toEqual([
      'split',
      ...Array.from({ length: 4 }, () => ['train', 'evaluate']).flat(),
      'evaluate',
    ]);
    const out = join(FOLDER, `folds of ${_}`);
    const words = commands[0].slice(3);
    words[words.indexOf('--out') + 1] = out;
    await splitCommand(words, output);
    const { places, of } = dealFolds(rows, 4);
    for (let fold = 0; fold < 4; fold++) {
      const own = places.filter((__, at) => of[at] === fold).map(({ line: at }) => text[at - 1]);
      const others = places.filter((__, at) => of[at] !== fold).map(({ line: at }) => text[at - 1]);
      const lines = (part: string): string[] =>
        readFileSync(join(out, `fold-${fold + 1}`, `${part}.jsonl`), 'utf8')
          .trimEnd()
          .split('\n');
      expect(own.length).toBeGreaterThan(3);
      expect(lines('test')).toEqual(own);
      expect(lines('train')).toEqual(others);
    }
  });
});
