/** Readings of real curves: the bundled model, trained well and badly (tests/fixtures/curves.mjs). */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromTo, isAlarm } from '../../../src/evaluate/reading-brief.ts';
import { describeReading } from '../../../src/evaluate/reading-words.ts';
import { readCurve, type Curve, type Reading } from '../../../src/train/reading.ts';
import { unigramLoss } from '../../../src/train/spike.ts';

interface Recorded {
  readonly name: string;
  readonly steps: number;
  readonly unigramLoss: number;
  readonly losses: readonly number[];
  readonly evals: readonly [step: number, loss: number][];
  readonly ended: string;
}
const recorded = JSON.parse(
  readFileSync(new URL('../../fixtures/curves.json', import.meta.url), 'utf8'),
) as Recorded[];

function curveOf(name: string, until = Infinity): Curve {
  const { steps, unigramLoss, losses, evals, ended } = recorded.find((run) => run.name === name)!;
  return {
    steps,
    unigramLoss,
    points: losses.slice(0, until).map((loss, i) => ({ step: i + 1, loss })),
    evals: evals.filter(([step]) => step <= until).map(([step, loss]) => ({ step, loss })),
    broke: ended === 'train-diverged',
  };
}
const read = (name: string, until?: number): Reading => readCurve(curveOf(name, until));

describe('a run is called what it is', () => {
  test.each([
    ['the sample as it is', 'fine', 'validation'],
    ['the sample without validation', 'fine', 'training'],
    ['a rate of 0.08', 'diverging', 'validation'],
    ['a rate of 0.08 without validation', 'diverging', 'training'],
    ['a rate of 5', 'lost', 'validation'],
    ['a rate of 5 without validation', 'lost', 'training'],
    ['a rate of 1', 'lost', 'validation'],
    ['a rate of 1 without validation', 'lost', 'training'],
    ['a rate of 1, 200 steps', 'lost', 'validation'],
    ['a rate of 0.3', 'lost', 'validation'],
    ['a rate of 0.3 without validation', 'lost', 'training'],
    ['a rate of 0.3, 200 steps', 'lost', 'validation'],
    ['a rate of 0.03', 'diverging', 'validation'],
    ['a rate of 0.03 without validation', 'lost', 'training'],
    ['a rate of 0.03, 200 steps', 'lost', 'validation'],
    ['a rate of 0.003', 'fine', 'validation'],
    ['a rate of 0.003 without validation', 'fine', 'training'],
    ['a rate of 0.003, 200 steps', 'fine', 'validation'],
    ['a rate of 1e-6', 'flat', 'validation'],
    ['a rate of 1e-6 without validation', 'flat', 'training'],
    ['twelve rows, many times', 'overfitting', 'validation'],
    ['other rows than those of validation', 'worse', 'validation'],
    ['a low constant rate', 'falling', 'validation'],
    ['six steps', 'too-short', 'validation'],
    ['no clipping and an absurd rate of B', 'not-finite', 'training'],
  ])('%s: %s, by %s', (name, kind, of) => {
    expect(read(name)).toMatchObject({ kind, of });
  });
});

test('a short run that fell until its rate had gone to 0 lost nothing, though its loss is still high', () => {
  // The bundled model on banking77: 30 steps of 8 rows, rate 1e-3, cosine. No text of a vocabulary of 1024 has a higher loss of single tokens than
  // its logarithm.
  const losses = [
    11.46, 10.65, 11.7, 10.7, 10.94, 11.09, 10.36, 9.16, 10.2, 9.93, 9.31, 9.15, 9.05, 8.56, 8.73, 8.81, 8.29,
    8.41, 8.36, 7.49, 8.26, 8.29, 7.55, 7.06, 7.73, 8.25, 7.11, 7.62, 6.83, 7.93,
  ];
  const curve: Curve = {
    steps: losses.length,
    unigramLoss: Math.log(1024),
    points: losses.map((loss, i) => ({ step: i + 1, loss })),
    evals: [
      { step: 0, loss: 11.4 },
      { step: losses.length, loss: 7.53 },
    ],
    broke: false,
  };
  expect(readCurve(curve)).toMatchObject({ kind: 'falling', of: 'validation' });
  expect(readCurve({ ...curve, evals: [] })).toMatchObject({ kind: 'falling', of: 'training' });
  // A run that first rose far is lost.
  const risen = curve.points.map(({ step, loss }) => ({
    step,
    loss: step > 2 && step < 9 ? loss + 5 : loss,
  }));
  expect(readCurve({ ...curve, points: risen }).kind).toBe('lost');
});

describe('a run that shot up', () => {
  /** The first steps of a wild run, and then those of a good one. */
  const recovered = (): Curve => {
    const [wild, good] = [curveOf('a rate of 5', 5), curveOf('the sample as it is')];
    const losses = [...wild.points, ...good.points].map(({ loss }, i) => ({ step: i + 1, loss }));
    return { ...good, steps: losses.length, points: losses, evals: [] };
  };

  test('is unsteady and not lost if it learned all the same', () => {
    expect(readCurve(recovered())).toMatchObject({ kind: 'unsteady', peak: { step: 3 } });
  });

  test('is known as lost by its earlier best, if nothing else is known', () => {
    const { unigramLoss: _, ...curve } = curveOf('a rate of 0.03, 200 steps');
    const reading = readCurve(curve);
    expect(reading).toMatchObject({ kind: 'lost', low: { step: 10 }, peak: { step: 23 } });
    expect(describeReading(reading, false)).toMatchObject({ name: 'lost what it knew', bad: true });
    expect(describeReading(reading, false).how).toBe(
      'The training loss rose from 1.56 at step 10 to 7.55 at step 23 and did not come back: the loss is 3.72 at step 200 on validation rows.',
    );
  });

  test('is known as lost by the loss of single tokens', () => {
    expect(describeReading(read('a rate of 1'), false).how).toMatch(
      /^The training loss rose from 5\.94 at step 3 to 13\.8 at step 6, and the loss is 4\.71 at step 60 on validation rows\. A model that only knows how often each token occurs in the answers has 4\.02\.$/,
    );
  });

  test('a run that only falls, and settles above the loss of single tokens, learned little and lost nothing', () => {
    const points = Array.from({ length: 60 }, (_, i) => ({ step: i + 1, loss: 5 + 2 * Math.exp(-i / 4) }));
    const curve = { steps: 60, points, evals: [], broke: false };
    expect(readCurve(curve).kind).toBe('fine');
    const little = readCurve({ ...curve, unigramLoss: 4 });
    expect(little).toMatchObject({ kind: 'little', unigramLoss: 4 });
    expect(describeReading(little, false)).toMatchObject({ name: 'learned little', bad: true });
    expect(describeReading(little, false).how).toMatch(
      /has settled\. A model that only knows .* has 4\.00\./,
    );
    // The same end after a rise: what the model knew is gone.
    const risen = points.map((point) => ({
      ...point,
      loss: point.step < 6 ? 6 + 2 * point.step : point.loss,
    }));
    const lost = readCurve({ ...curve, points: risen, unigramLoss: 4 });
    expect(lost).toMatchObject({ kind: 'lost' });
    expect(describeReading(lost, false).name).toBe('lost what it knew');
  });
});

test('the loss of single tokens is the entropy of the supervised ones', () => {
  expect(unigramLoss([{ labels: [-100, 5, 5] }, { labels: [-100, 6, 6] }])).toBeCloseTo(Math.log(2), 12);
  expect(unigramLoss([{ labels: [-100] }])).toBe(0);
});

describe('a run that is validated only at the end', () => {
  /** The recorded curve, without the validations in between. */
  const ends = (name: string): Reading => {
    const { evals, ...curve } = curveOf(name);
    return readCurve({ ...curve, evals: [evals[0], evals[evals.length - 1]] });
  };
  test.each([
    ['the sample as it is', 'fine'],
    ['a low constant rate', 'falling'],
  ])('%s is %s, as the last part of training shows', (name, kind) => {
    expect(ends(name)).toMatchObject({ kind, of: 'validation' });
  });
});

test('a loss near 0 that moves by a hundredth of a nat on few rows is not called overfitting', () => {
  const points = Array.from({ length: 112 }, (_, i) => ({ step: i + 1, loss: 0.02 + 11 * Math.exp(-i / 4) }));
  const evals = [
    ...[0, 14, 28, 42, 56, 70].map((step) => ({ step, loss: 0.019 + 11.2 * Math.exp(-step / 4) })),
    ...[84, 98, 112].map((step, at) => ({ step, loss: [0.022, 0.021, 0.025][at] })),
  ];
  const reading = readCurve({ steps: 112, points, evals, broke: false });
  expect(reading).toMatchObject({ kind: 'fine', kept: 70 });
  expect(isAlarm(reading)).toBe(false);
  expect(fromTo(reading)).toBe('loss 11.2 → 0.019 on validation rows, of the kept step 70');
  // The same rise after little was learned is one.
  const little = evals.map(({ step, loss }) => ({ step, loss: step === 0 ? 0.03 : Math.min(loss, 0.03) }));
  expect(readCurve({ steps: 112, points, evals: little, broke: false }).kind).toBe('overfitting');
});

describe('the words', () => {
  test('names the step, the numbers of validation and what to try', () => {
    const reading = read('twelve rows, many times');
    const { name, how, advice, bad } = describeReading(reading, false);
    expect(name).toBe('overfitting since step 20');
    expect(how).toMatch(
      /^Validation was best at step 20 \(0\.751\) and rose to 0\.761, while the training loss went from/,
    );
    expect(advice).toMatch(/Patience.*The state of step 20 is kept\.$/);
    expect(bad).toBe(true);
    expect(fromTo(reading)).toBe('loss 6.67 → 0.751 on validation rows, of the kept step 20');
  });

  test('call a run worse that ends above the base model, and name the loss of the base model', () => {
    const reading = read('other rows than those of validation');
    expect(fromTo(reading)).toBe('loss 4.80 → 4.75 on validation rows, of the kept step 5');
    expect(describeReading(reading, false)).toMatchObject({ name: 'worse than the base', bad: true });
    expect(describeReading(reading, false).how).toMatch(
      /started at 4\.80 with the base model.*4\.75 at its best, 5\.66 at step 40/,
    );
  });

  test('say that the training loss is smoothed, and ask for validation, if there was none', () => {
    const reading = read('the sample without validation');
    expect(fromTo(reading)).toMatch(/^loss 6\.\d+ → 0\.0\d+ in training, smoothed$/);
    expect(describeReading(reading, false).advice).toMatch(/^Keep some rows for validation/);
  });

  test('every kind has a whole sentence on the evidence', () => {
    for (const { name } of recorded)
      for (const going of [true, false]) {
        const told = describeReading(read(name), going);
        expect(told.how, name).toMatch(/^[A-Z\d].*\.$/);
        if (told.advice) expect(told.advice, name).toMatch(/^[A-Z].*\.$/);
        expect(`${told.how} ${told.advice}`, name).not.toMatch(/–|NaN|undefined/);
      }
  });
});

describe('a run in progress', () => {
  test('it is not called settled for want of a second validation', () => {
    // Paused where its losses still fall steeply, with one validation some steps ago.
    const { evals, ...curve } = curveOf('the sample as it is', 12);
    const [base, first] = evals;
    expect(first.step).toBeLessThan(9);
    const reading = readCurve({ ...curve, evals: [base, first] });
    expect(reading.kind).toBe('falling');
    const fine = describeReading({ ...reading, kind: 'fine' }, true);
    expect(fine.name).toBe('learning');
    expect(fine.how).not.toMatch(/settled/);
  });

  test('trouble is reported when it shows, and not before', () => {
    expect(isAlarm(read('twelve rows, many times', 20))).toBe(false);
    expect(read('twelve rows, many times', 40)).toMatchObject({ kind: 'overfitting', best: { step: 20 } });
    expect(isAlarm(read('the sample as it is', 6))).toBe(false);
    for (const name of ['the sample as it is', 'a rate of 0.003', 'a rate of 0.003 without validation'])
      for (let step = 0; step <= 60; step++)
        expect(isAlarm(read(name, step)), `${name} at ${step}`).toBe(false);
  });

  test('a run without a step, and one with a single step, are too short to tell', () => {
    expect(read('the sample as it is', 0).kind).toBe('too-short');
    expect(describeReading(read('the sample without validation', 1), false).how).toBe(
      'One step says too little about the trend of the loss.',
    );
  });

  test('a validation that is not a number is not finite', () => {
    const curve = curveOf('the sample as it is', 24);
    const evals = [...curve.evals.slice(0, -1), { step: 24, loss: NaN }];
    expect(readCurve({ ...curve, evals }).kind).toBe('not-finite');
  });
});

describe('a curve over pairs', () => {
  /** Accuracy and margin by step, with a loss that belongs to the margin. */
  const pairs = (accuracy: number, margin: (share: number) => number): Reading => {
    const points = Array.from({ length: 60 }, (_, i) => {
      const reward_margin = margin(i / 59);
      return {
        step: i + 1,
        loss: Math.log(1 + Math.exp(-reward_margin)),
        report: { reward_accuracy: accuracy, reward_margin },
      };
    });
    return readCurve({ steps: 60, points, evals: [], broke: false });
  };

  test('is over-optimised if every pair is right and margins run away', () => {
    const reading = pairs(1, (share) => 12 * share);
    expect(reading.kind).toBe('over-optimised');
    expect(reading.margin!.to).toBeGreaterThan(reading.margin!.from);
  });

  test('is reported if its chosen answers get less likely, and there is a reference to compare with', () => {
    const falling = (to: number, told: object): Reading =>
      readCurve({
        steps: 60,
        points: Array.from({ length: 60 }, (_, i) => {
          const chosen_reward = (to * i) / 59;
          const report = { reward_accuracy: 0.9, reward_margin: -chosen_reward, chosen_reward, ...told };
          return { step: i + 1, loss: 0.7 - i / 200, report };
        }),
        evals: [],
        broke: false,
      });
    const reading = falling(-3, { drift: 4 });
    expect(reading.kind).toBe('chosen-falls');
    expect(reading.chosen!.to).toBeLessThan(reading.chosen!.from);
    expect(falling(-3, { kl: 4 }).kind).toBe('chosen-falls');
    expect(falling(-0.2, { drift: 4 }).kind).not.toBe('chosen-falls');
    expect(falling(3, { drift: 4 }).kind).not.toBe('chosen-falls');
    // Log-probabilities are below 0 from the first step.
    expect(falling(-3, {}).kind).not.toBe('chosen-falls');
    // No batch had a row of the kind.
    expect(falling(-3, { kl: 4, chosen_reward: null }).kind).not.toBe('chosen-falls');
  });

  test('is reported as falling early if its chosen answers fell early and stayed there', () => {
    const points = Array.from({ length: 60 }, (_, i) => ({
      ...{ step: i + 1, loss: 0.7 * 0.9 ** i },
      report: { reward_accuracy: 1, reward_margin: 3, chosen_reward: -7 * (1 - 0.8 ** i), drift: 9 },
    }));
    const curve: Curve = { steps: 60, points, evals: [], broke: false };
    expect(readCurve(curve).kind).toBe('chosen-falls');
    // To this objective that is the aim.
    expect(readCurve({ ...curve, objective: 'apo-down' }).kind).not.toBe('chosen-falls');
  });

  test('is not called learned if it leaves most pairs in the wrong order, by validation or by the last steps', () => {
    const ordered = (accuracy: number, validated?: number): Reading =>
      readCurve({
        steps: 60,
        points: Array.from({ length: 60 }, (_, i) => ({
          ...{ step: i + 1, loss: 4 * 0.8 ** i, report: { reward_accuracy: accuracy } },
        })),
        evals:
          validated === undefined
            ? []
            : [
                { step: 0, loss: 4 },
                { step: 60, loss: 1, report: { reward_accuracy: validated } },
              ],
        broke: false,
      });
    expect(ordered(0.1)).toMatchObject({ kind: 'unordered', order: { share: 0.1, of: 'training' } });
    expect(ordered(0.9, 0.4)).toMatchObject({ kind: 'unordered', order: { share: 0.4, of: 'validation' } });
    expect(ordered(0.9)).toMatchObject({ kind: 'fine', order: { share: expect.closeTo(0.9) as number } });
  });

  test('is fine if the margin has settled, is small, or pairs are wrong', () => {
    for (const reading of [
      pairs(1, (share) => Math.min(6, 20 * share)),
      pairs(1, (share) => 2 * share),
      pairs(0.9, (share) => 12 * share),
    ])
      expect(reading.kind).not.toBe('over-optimised');
  });
});

describe('whether a run has settled', () => {
  /** A loss that falls exponentially with the learning, by steps of these rates. */
  const byRates = (rates: readonly number[], speed: number, noise = 0): Curve => {
    const whole = rates.reduce((sum, rate) => sum + rate, 0);
    let done = 0;
    const points = rates.map((lr, i) => {
      done += lr / whole;
      return { step: i + 1, lr, loss: 0.1 + 5 * Math.exp(-speed * done) + (i % 2 === 0 ? noise : -noise) };
    });
    return { steps: rates.length, points, evals: [], broke: false };
  };
  const cosine = Array.from({ length: 100 }, (_, i) => 1 + Math.cos((Math.PI * i) / 100));

  test('is read by its rates: the end of a schedule brings every run to rest', () => {
    expect(readCurve(byRates(cosine, 3))).toMatchObject({ kind: 'falling', late: { steady: false } });
    expect(readCurve(byRates(cosine, 8)).kind).toBe('fine');
    // Without rates its last steps look settled.
    const { points, ...curve } = byRates(cosine, 3);
    const bare = points.map(({ lr: _, ...point }) => point);
    expect(readCurve({ ...curve, points: bare }).kind).toBe('fine');
  });

  test('is not called steady by a fall in the middle, which has ended', () => {
    // Nine tenths of the fall come in the third quarter of the steps, and less than a tenth in the last one.
    const losses = Array.from({ length: 100 }, (_, i) =>
      i < 50 ? 4.1 - i / 100 : i < 75 ? 3.6 - (3.2 * (i - 50)) / 25 : 0.4 - (0.3 * (i - 75)) / 25,
    );
    const points = losses.map((loss, i) => ({ step: i + 1, lr: 1e-3, loss }));
    const evals = [0, 25, 50, 75, 100].map((step) => ({ step, loss: losses[Math.max(0, step - 1)] }));
    const reading = readCurve({ steps: 100, points, evals, broke: false });
    expect(reading).toMatchObject({ kind: 'falling', late: { steady: false } });
    expect(describeReading(reading, false).advice).toMatch(/^More steps would help/);
  });

  test('gives advice by how fast the run learned at its end', () => {
    const slow = readCurve(byRates(cosine, 0.1));
    expect(slow).toMatchObject({ kind: 'falling', late: { steady: true } });
    expect(describeReading(slow, false).advice).toContain('three to ten times as much');
    expect(describeReading(readCurve(byRates(cosine, 3)), false).advice).toContain('twice as many');
  });

  test('is not said where noise hides it', () => {
    const hidden = readCurve(
      byRates(
        cosine.slice(0, 24).map(() => 1),
        3,
        1.2,
      ),
    );
    expect(hidden).toMatchObject({ kind: 'fine', unsure: true });
    expect(describeReading(hidden, false).how).toMatch(
      /Its steps are too noisy to show whether it has settled\.$/,
    );
  });
});

describe('a run that learns from rewards', () => {
  const rewarded = (reward: number, alike: number, fullMarks?: number): Reading =>
    readCurve({
      steps: 20,
      points: Array.from({ length: 20 }, (_, i) => ({
        ...{ step: i + 1, loss: 0, report: { reward, frac_reward_zero_std: alike } },
      })),
      evals: [],
      ...(fullMarks !== undefined && { fullMarks }),
      broke: false,
    });

  test('needs harder prompts, not easier ones, if it has full marks from the first step', () => {
    for (const [reward, most] of [
      [1, 1],
      [0, 0],
    ]) {
      const reading = rewarded(reward, 1, most);
      expect(reading.kind).toBe('reward-full');
      expect(describeReading(reading, false).advice).toMatch(/^Take harder prompts/);
    }
    expect(rewarded(0, 1, 1).kind).toBe('reward-alike');
    expect(rewarded(0.5, 1, 1).kind).toBe('reward-alike');
    expect(rewarded(1, 1).kind).toBe('reward-alike');
  });
});

describe('the state that a run keeps', () => {
  const ends = (...losses: number[]): Reading => {
    const { evals: _, ...curve } = curveOf('the sample as it is');
    return readCurve({ ...curve, evals: losses.map((loss, i) => ({ step: 20 * i, loss })) });
  };

  test('is what it started from, unless a validation is better', () => {
    const worse = ends(0.008, 0.02, 0.03);
    expect(worse).toMatchObject({ kind: 'worse', kept: 0 });
    expect(describeReading(worse, false, 'adapter').how).toMatch(
      /The state before the first step is kept\.$/,
    );
    expect(ends(6, 1, 0.9)).toMatchObject({ kept: 40 });
    expect(describeReading(ends(6, 0.5, 0.9), false).advice).toMatch(/The state of step 20 is kept\.$/);
  });
});

test('knowledge that is gone is said over what the curve of the rows shows', () => {
  const fine = read('the sample as it is');
  const told = describeReading(fine, false, 'base', { before: 0.7, after: 7.4 });
  expect(told).toMatchObject({ kind: 'lost', name: 'lost what it knew', bad: true });
  expect(told.how).toContain('the perplexity of general text went from 2.01 to 1,636');
  expect(describeReading(fine, false, 'base', { before: 0.7, after: 0.8 }).name).toBe('learned');
});
