/** A sweep without a model: what varies, who survives a rung, what a budget allows, and what is left of a run that was killed. */
import { describe, expect, test } from 'vitest';
import { driveSweep, type TrialOutcome, type SweepPort } from '../../../src/runs/sweep/drive.ts';
import { timeLeft } from '../../../src/runs/sweep/forecast.ts';
import { evalEveryOf, rungsOf, stepsOfSweep, stepsWithin, stopOf } from '../../../src/runs/sweep/halving.ts';
import { pictureOf } from '../../../src/runs/sweep/picture.ts';
import { sweepPage } from '../../../src/runs/sweep/page.ts';
import {
  bestOf,
  emptySweep,
  readSweep,
  recipesOf,
  writeSweep,
  type Sweep,
  type SweptRun,
} from '../../../src/runs/sweep/record.ts';
import { drawPoints, gridOf, readSpace, type ValueList } from '../../../src/runs/sweep/space.ts';
import { planInWords, resultInWords } from '../../../src/runs/sweep/words.ts';
import { graftError } from '../expect-graft-error.ts';

const refused = async (action: () => unknown, code: string, message: RegExp): Promise<void> =>
  expect((await graftError(action, code)).message).toMatch(message);
const grid = (text: string) => gridOf(readSpace('grid', [text]).dimensions as ValueList[]);
const range = (text: string) => readSpace('range', [text]).dimensions;

describe('a grid', () => {
  test('is every combination of the values, by the names of the table', () => {
    expect(grid('learningRate=1e-4,3e-4; rank=4,8')).toEqual([
      { lr: 0.0001, rank: 4 },
      { lr: 0.0001, rank: 8 },
      { lr: 0.0003, rank: 4 },
      { lr: 0.0003, rank: 8 },
    ]);
  });

  test('takes a flag, a label and the name that another tool has for a setting', () => {
    for (const name of ['lr', 'learning_rate', 'learning-rate', 'Learning-rate'])
      expect(grid(`${name}=1`)).toEqual([{ lr: 1 }]);
    expect(grid('packing=true,false;schedule=linear')).toEqual([
      { packing: true, schedule: 'linear' },
      { packing: false, schedule: 'linear' },
    ]);
  });

  test.each([
    ['lr', 'which gives no setting a value'],
    ['', 'which gives no setting a value'],
    ['lr=1e-4,,3', 'gives lr the value ""'],
    ['rank=4.5', 'gives rank the value "4.5"'],
    ['packing=yes', 'gives packing the value "yes"'],
    ['lr=1,1.0', 'the same value twice'],
    ['lr=1;lr=2', 'names lr twice'],
    ['lr=1..2', 'a grid has lists'],
    ['maxLength=8,16', 'cut differently'],
    ['data=a,b', 'it decides about rows'],
    ['targets=q_proj', 'only numbers, choices and switches'],
    ['__proto__=1', 'no such setting'],
  ])('refuses %j', async (text, message) => {
    await refused(() => grid(text), 'arguments', new RegExp(message));
  });

  test('refuses more runs than anybody means', async () => {
    const many = Array.from({ length: 40 }, (_, at) => at + 1).join();
    await refused(() => grid(`steps=${many};rank=${many}`), 'arguments', /1600 runs/);
  });
});

describe('random draws', () => {
  const space = range('lr=1e-5..1e-1:log;rank=2..5;schedule=cosine,linear');

  test('are the same by the same seed, and the first of more', () => {
    expect(drawPoints(space, 8, 7)).toEqual(drawPoints(space, 8, 7));
    expect(drawPoints(space, 8, 7)).toEqual(drawPoints(space, 20, 7).slice(0, 8));
    expect(drawPoints(space, 8, 8)).not.toEqual(drawPoints(space, 8, 7));
  });

  test('fill a range evenly: by its logarithm, and whole numbers up to both ends', () => {
    const points = drawPoints(space, 400, 1);
    const below = points.filter(({ lr }) => Number(lr) < 1e-3).length;
    // Half of the decades: 400 fair coins have a standard deviation of 10.
    expect(Math.abs(below - 200)).toBeLessThan(40);
    for (const rank of [2, 3, 4, 5])
      expect(Math.abs(points.filter((point) => point['rank'] === rank).length - 100)).toBeLessThan(40);
    expect(points.every(({ lr }) => Number(lr) >= 1e-5 && Number(lr) <= 1e-1)).toBe(true);
  });

  test.each([
    ['lr=1e-2..1e-4', 'not upwards'],
    ['lr=1e-4..1e-2:cube', 'only log is known'],
    ['clip=0..1:log', 'which has none'],
    ['schedule=linear..cosine', 'its values are not numbers'],
    ['lr=-1..1', 'gives lr the value "-1"'],
  ])('refuse the range %j', async (text, message) => {
    await refused(() => range(text), 'arguments', new RegExp(message));
  });

  test('refuse more different recipes than there are', async () => {
    await refused(() => drawPoints(range('rank=2,4'), 3, 1), 'arguments', /have only 2/);
  });
});

describe('successive halving', () => {
  test('lets one of two continue, twice as far each time', () => {
    expect(rungsOf(8, 2)).toEqual([
      { recipes: 8, share: 1 / 8 },
      { recipes: 4, share: 1 / 4 },
      { recipes: 2, share: 1 / 2 },
      { recipes: 1, share: 1 },
    ]);
    expect(rungsOf(5, 3).map(({ recipes }) => recipes)).toEqual([5, 2, 1]);
    expect(rungsOf(8, undefined)).toEqual([{ recipes: 8, share: 1 }]);
    expect(rungsOf(1, 2)).toEqual([{ recipes: 1, share: 1 }]);
  });

  test('judges after whole numbers of validations', () => {
    const rungs = rungsOf(8, 2);
    expect(rungs.map((rung) => stopOf(rung, 100, 10))).toEqual([10, 30, 50, 100]);
    // 8 × 10, 4 × 20, 2 × 20 and 1 × 50 steps.
    expect(stepsOfSweep(rungs, 100, 10, 1)).toBe(250);
    expect(stepsOfSweep(rungs, 100, 10, 3)).toBe(750);
    // After one step, at a rate of 0, all recipes are equal.
    expect(rungs.map((rung) => stopOf(rung, 8, 1))).toEqual([2, 2, 4, 8]);
    expect(stopOf(rungs[0], 1, 1)).toBe(1);
    expect(evalEveryOf(rungs, 100)).toBe(10);
    expect(evalEveryOf(rungsOf(32, 2), 64)).toBe(2);
  });

  test('finds the steps that a budget allows', () => {
    const rungs = rungsOf(4, 2);
    const steps = stepsWithin(500, rungs, () => 1, 1)!;
    expect(stepsOfSweep(rungs, steps, 1, 1)).toBeLessThanOrEqual(500);
    expect(stepsOfSweep(rungs, steps + 1, 1, 1)).toBeGreaterThan(500);
    expect(stepsWithin(100, rungsOf(4, undefined), () => 1, 5)).toBe(5);
    expect(stepsWithin(3, rungsOf(4, undefined), () => 1, 1)).toBeUndefined();
  });
});

/** A sweep of recipes that come to a loss each, the second digit by the seed. */
function sweepOf(losses: readonly number[], seeds: readonly number[], factor?: number): Sweep {
  return emptySweep({
    ...{ graft: '0.1.0', args: [], data: [], rows: { train: 9, validation: 3 }, splitSeed: 42 },
    ...{ varied: ['lr'], seeds: [...seeds], rungs: rungsOf(losses.length, factor) },
    runs: losses.flatMap((loss, recipe) =>
      seeds.map((seed, at): SweptRun => ({
        id: `run-${String(recipe * seeds.length + at + 1).padStart(3, '0')}`,
        ...{ recipe, settings: { lr: loss }, seed, steps: 8, evalEvery: 1 },
        ...{ status: 'waiting', step: 0, seconds: 0, wallSeconds: 0 },
      })),
    ),
  });
}

/** Trains in no time; each step is a second. */
class FakePort implements SweepPort {
  isStopped = false;
  readonly trained: string[] = [];
  readonly dropped: string[] = [];
  readonly kept: Sweep[] = [];
  /** What runs have left that were killed. */
  readonly folder = new Map<string, TrialOutcome>();
  #now = 0;

  constructor(readonly lossOf: (run: SweptRun, step: number) => number | undefined) {}

  async left({ id }: SweptRun): Promise<TrialOutcome | undefined> {
    return this.folder.get(id);
  }

  async train(run: SweptRun, until: number | undefined, seconds: number): Promise<TrialOutcome> {
    const wanted = until ?? run.steps;
    const step = Math.min(wanted, run.step + seconds);
    this.trained.push(`${run.id} ${run.step}–${step}`);
    this.#now += step - run.step;
    const loss = this.lossOf(run, step);
    const rest = { step, seconds: step };
    if (loss === undefined) return { ...rest, status: 'failed', why: 'it diverged' };
    const status = step < wanted ? 'interrupted' : step === run.steps ? 'done' : 'paused';
    return { ...rest, status, validation: { step, loss } };
  }

  async drop({ id }: SweptRun): Promise<void> {
    this.dropped.push(id);
  }

  async keep(sweep: Sweep): Promise<void> {
    // As a file keeps it.
    this.kept.push(readSweep(writeSweep(sweep), 'sweep.json'));
  }

  now(): number {
    return this.#now;
  }
}

const byRate = ({ settings, seed }: SweptRun): number => Number(settings['lr']) + seed / 100;

describe('a sweep', () => {
  test('trains seed by seed, and takes the recipe with the best mean', async () => {
    const port = new FakePort(byRate);
    const sweep = await driveSweep(sweepOf([3, 1, 2], [1, 2]), {}, port);
    expect(port.trained.map((text) => text.split(' ')[0])).toEqual(
      [1, 3, 5, 2, 4, 6].map((n) => `run-00${n}`),
    );
    const [best] = recipesOf(sweep);
    expect(best).toMatchObject({ at: 1, done: 2, validation: expect.closeTo(1.015, 12) });
    // The deviation of 1.01 and 1.02.
    expect(best.spread).toBeCloseTo(Math.SQRT2 * 0.005, 12);
    expect(bestOf(sweep)).toMatchObject({ id: 'run-003', seed: 1 });
    expect(resultInWords(sweep, 'best').join(' ')).toContain('loss 1.0150 ± 0.0071. Seed 1 had the lowest');
  });

  test('continues the survivors of a rung from where they were', async () => {
    const port = new FakePort(byRate);
    const sweep = await driveSweep(sweepOf([3, 1, 2, 4], [0], 2), {}, port);
    expect(port.trained).toEqual([
      ...['run-001 0–2', 'run-002 0–2', 'run-003 0–2', 'run-004 0–2'],
      ...['run-002 2–4', 'run-003 2–4'],
      'run-002 4–8',
    ]);
    expect(port.dropped).toEqual(['run-001', 'run-004', 'run-003']);
    expect(sweep.runs.map(({ status }) => status)).toEqual(['out', 'done', 'out', 'out']);
    expect(bestOf(sweep)?.id).toBe('run-002');
  });

  test('continues all recipes that are equal at a rung, also after it was interrupted among them', async () => {
    // They differ after the first rung, at step 2, and the last is the best.
    const lossOf = ({ recipe }: SweptRun, step: number): number => (step > 2 ? 4 - recipe : recipe && 5);
    const port = new FakePort(lossOf);
    const start = sweepOf([0, 1, 2, 3], [0], 2);
    const sweep = await driveSweep(start, {}, port);
    expect(port.trained).toEqual([
      ...['run-001 0–2', 'run-002 0–2', 'run-003 0–2', 'run-004 0–2'],
      ...['run-001 2–4', 'run-002 2–4', 'run-003 2–4', 'run-004 2–4'],
      'run-004 4–8',
    ]);
    expect(bestOf(sweep)?.id).toBe('run-004');
    for (const budget of [9, 11, 13, 15]) {
      const cut = await driveSweep(start, { steps: budget }, new FakePort(lossOf));
      expect(cut.status).toBe('budget');
      const rest = await driveSweep(cut, {}, new FakePort(lossOf));
      expect(rest.runs.map(({ step }) => step)).toEqual([4, 4, 4, 8]);
    }
    expect(planInWords(start)).toMatch(/Equal recipes all continue\.$/);
  });

  test('goes on with a run that was killed from what it has left, and does nothing twice', async () => {
    const before = new FakePort(byRate);
    await driveSweep(sweepOf([3, 1, 2, 4], [0], 2), {}, before);
    // Killed at any moment: the record on disk is one of those that were kept.
    for (const kept of before.kept) {
      const port = new FakePort(byRate);
      const running = kept.runs.find(({ status }) => status === 'running');
      if (running) port.folder.set(running.id, { status: 'paused', step: running.step + 1, seconds: 1 });
      const sweep = await driveSweep(kept, {}, port);
      expect(sweep.runs.map(({ id, status, step }) => [id, status, step])).toEqual(
        before.kept.at(-1)?.runs.map(({ id, status, step }) => [id, status, step]),
      );
      const done = kept.runs.reduce((sum, { step }) => sum + step, 0) + (running ? 1 : 0);
      const spans = port.trained.map((text) => text.split(' ')[1].split('–').map(Number));
      const steps = spans.reduce((sum, [from, to]) => sum + to - from, 0);
      expect(done + steps).toBe(16);
    }
  });

  test('takes the result of a run that was killed after its last step', async () => {
    const start = sweepOf([1, 2], [0]);
    const killed = { ...start, runs: start.runs.map((run) => ({ ...run, status: 'running' as const })) };
    const port = new FakePort(byRate);
    port.folder.set('run-001', {
      ...{ status: 'done', step: 8, seconds: 8 },
      validation: { step: 8, loss: 1 },
    });
    await driveSweep(killed, {}, port);
    expect(port.trained).toEqual(['run-002 0–8']);
  });

  test('ends with its budget of steps or seconds, and continues with a larger one', async () => {
    const port = new FakePort(byRate);
    const cut = await driveSweep(sweepOf([3, 1, 2], [0]), { steps: 17 }, port);
    expect([cut.status, port.trained.length]).toEqual(['budget', 2]);
    const timed = await driveSweep(cut, { seconds: 20 }, port);
    expect(timed.status).toBe('budget');
    expect(timed.runs[2]).toMatchObject({ status: 'paused', step: 4 });
    expect(bestOf(timed)?.id).toBe('run-002');
    const whole = await driveSweep(timed, {}, port);
    expect([whole.status, port.trained.at(-1)]).toEqual(['done', 'run-003 4–8']);
  });

  test('keeps the others where a run fails, and names it', async () => {
    const port = new FakePort((run) => (run.recipe === 1 ? undefined : byRate(run)));
    const sweep = await driveSweep(sweepOf([3, 1, 2], [0]), {}, port);
    expect(sweep.runs[1]).toMatchObject({ status: 'failed', why: 'it diverged' });
    expect([sweep.status, bestOf(sweep)?.id]).toEqual(['done', 'run-003']);
    expect(recipesOf(sweep).at(-1)?.at).toBe(1);
  });

  test('forecasts the rest from the slowest and the fastest run', async () => {
    const port = new FakePort(byRate);
    const cut = await driveSweep(sweepOf([3, 1, 2], [0]), { steps: 16 }, port);
    expect(timeLeft(sweepOf([1, 2], [0]))).toBeUndefined();
    const slower = cut.runs.map((run) => (run.recipe === 1 ? { ...run, wallSeconds: 16 } : run));
    expect(timeLeft({ ...cut, runs: slower })).toEqual({ least: 8, most: 16 });
  });

  test('says that two recipes within the spread of their seeds may be in order by chance', async () => {
    const near = await driveSweep(sweepOf([1, 1.001], [1, 2]), {}, new FakePort(byRate));
    expect(resultInWords(near, 'best').join(' ')).toContain('may be chance');
    const far = await driveSweep(sweepOf([1, 2], [1, 2]), {}, new FakePort(byRate));
    expect(resultInWords(far, 'best').join(' ')).not.toContain('chance');
  });
});

describe('the page', () => {
  test('has a line of the picture for each recipe, and escapes what it quotes', async () => {
    const sweep = await driveSweep(sweepOf([3, 1, 2], [0]), {}, new FakePort(byRate));
    const evil = { ...sweep, data: [{ path: '<script>alert(1)</script>', sha256: '0' }] };
    const page = sweepPage(evil, { place: 'best', command: 'graft sweep --data "<img src=x>"' });
    expect(page.match(/<polyline/g)).toHaveLength(3);
    expect(page).not.toMatch(/<script|<img/);
    expect(page).toContain('&lt;script&gt;alert(1)');
    // The loss of 1 is at the bottom of the last of two axes, and its rate at the bottom of the first.
    expect(page).toMatch(/class="best"\s+points="76,268\.0 226,268\.0"/);
  });

  test('tells the ends of an axis apart that are nearly equal', async () => {
    const losses = [1.00001, 1.00002];
    const sweep = await driveSweep(sweepOf(losses, [0]), {}, new FakePort(byRate));
    const loss = pictureOf(sweep)!.axes.at(-1)!;
    expect(loss.ticks.map(({ text }) => text)).toEqual(losses.map(String));
  });

  test('is written of a sweep that has not begun', () => {
    expect(sweepPage(sweepOf([3, 1], [0]), { place: undefined, command: '' })).toContain(
      'No run is done yet',
    );
  });
});

test('a file that is not a sweep is refused, and so is a run whose folder is a path', async () => {
  await refused(() => readSweep('{}', 'x.json'), 'sweep-file', /format is wrong/);
  const sweep = sweepOf([1], [0]);
  const evil = { ...sweep, runs: [{ ...sweep.runs[0], id: '../../etc' }] };
  await refused(() => readSweep(JSON.stringify(evil), 'x.json'), 'sweep-file', /runs\.0\.id/);
});
