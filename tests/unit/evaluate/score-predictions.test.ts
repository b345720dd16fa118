/** Scores of predictions against sacrebleu, rouge-score, scikit-learn and the numbers of ../shared, with their intervals; and two files compared. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { bootstrap } from '../../../src/evaluate/bootstrap.ts';
import { withSettings } from '../../../src/scorers/chosen.ts';
import { TEXT_SCORERS } from '../../../src/scorers/lists.ts';
import {
  comparePredictions,
  scorePredictionFile,
  type PredictionFile,
  type PredictionScores,
} from '../../../src/evaluate/score-predictions.ts';
import type { TextScorer, Resample } from '../../../src/scorers/scorer.ts';
import { describeShared, sharedJson, sharedJsonl } from '../../shared.ts';
import { graftError } from '../expect-graft-error.ts';

interface Texts {
  readonly rows: readonly {
    readonly answer: string;
    readonly references: readonly string[];
    readonly scores: Readonly<Record<string, number>>;
  }[];
  readonly bleu: number;
  readonly chrf: number;
}

const path = fileURLToPath(new URL('../../reference/metrics/texts.json', import.meta.url));
const made = JSON.parse(readFileSync(path, 'utf8')) as {
  one: Texts;
  two: Texts;
  labels: {
    rows: { answer: string; label: string }[];
    accuracy: number;
    'macro-f1': number;
  };
};

function metricOf(name: string): TextScorer {
  const metric = TEXT_SCORERS.find((one) => one.name === name);
  if (!metric) throw new Error(`There is no metric ${name}`);
  return metric;
}

const fileOf = (
  rows: readonly { readonly answer: string; readonly references: readonly string[] }[],
  name = 'p.jsonl',
): PredictionFile => ({
  name,
  rows: rows.map(({ answer, references }, at) => ({ output: answer, references, line: at + 1 })),
});

const labelled = (
  pairs: readonly (readonly [answer: string, label: string])[],
  name?: string,
): PredictionFile =>
  fileOf(
    pairs.map(([answer, label]) => ({ answer, references: [label] })),
    name,
  );

const scoresOf = (file: PredictionFile, ...names: string[]): Promise<PredictionScores> =>
  scorePredictionFile(file, names.map(metricOf), 42);

const ROW_METRICS = ['rouge1', 'rouge2', 'rougeL', 'sentence-bleu', 'sentence-chrf'];

describe.each([
  ['one reference', made.one],
  ['two references', made.two],
])('texts with %s', (_, { rows, bleu, chrf }) => {
  const found = scoresOf(fileOf(rows), ...ROW_METRICS, 'bleu', 'chrf');

  test.each(rows.map(({ answer, scores: wanted }, at) => [answer, wanted, at] as const))(
    'have the row scores of sacrebleu and rouge-score: %j',
    async (answer, wanted, at) => {
      const { rowScores } = await found;
      for (const name of ROW_METRICS) expect(rowScores[at][name], name).toBeCloseTo(wanted[name], 9);
      expect(answer).toBe(rows[at].answer);
    },
  );

  test('have the corpus scores of sacrebleu', async () => {
    const { scores } = await found;
    expect(scores['bleu']).toBeCloseTo(bleu, 9);
    expect(scores['chrf']).toBeCloseTo(chrf, 9);
  });

  test('have the mean of the rows for every other metric', async () => {
    const { scores } = await found;
    for (const name of ROW_METRICS)
      expect(scores[name], name).toBeCloseTo(
        rows.reduce((sum, row) => sum + row.scores[name], 0) / rows.length,
        9,
      );
  });
});

test('labels have the accuracy and the macro-F1 of scikit-learn', async () => {
  const { labels } = made;
  const file = labelled(labels.rows.map(({ answer, label }) => [`${answer}\n`, label]));
  const { scores } = await scoresOf(file, 'accuracy', 'macro-f1');
  expect(scores['accuracy']).toBeCloseTo(labels.accuracy, 12);
  expect(scores['macro-f1']).toBeCloseTo(labels['macro-f1'], 12);
});

test.each([
  ['strictly, the first marked number counts', 'number-strict', 'so #### 7 and #### 8', '#### 7', 1],
  ['strictly, an unmarked number is wrong', 'number-strict', 'it is 7', '#### 7', 0],
  ['flexibly, the last number counts', 'number-flexible', 'from 3 it is 7', 'so\n#### 7', 1],
  ['commas, dollar signs and a full stop do not count', 'number-flexible', '$1,234.', '1234', 1],
  ['the sign counts', 'number-flexible', '-5', '5', 0],
  ['the text of a number counts, not its value', 'number-flexible', '7.50', '7.5', 0],
  ['two texts without a number are not a match', 'number-flexible', 'none', 'none', 0],
])('%s', async (_, name, answer, reference, score) => {
  expect((await scoresOf(labelled([[answer, reference]]), name)).scores[name]).toBe(score);
});

test('an answer is as good as the best of its references', async () => {
  const file = fileOf([{ answer: 'the Oslo', references: ['Paris', 'Oslo!'] }]);
  expect((await scoresOf(file, 'normalized-match', 'token-f1', 'exact-match')).scores).toEqual({
    'normalized-match': 1,
    'token-f1': 1,
    'exact-match': 0,
  });
});

test('a label metric refuses a second reference with the line', async () => {
  const file = fileOf([
    { answer: 'a', references: ['a'] },
    { answer: 'a', references: ['a', 'b'] },
  ]);
  const error = await graftError(() => scoresOf(file, 'macro-f1'), 'predictions');
  expect(error.what).toBe('Line 2 of p.jsonl has 2 references, and macro-f1 compares with one label.');
});

test('a metric that applies to no row has neither a score nor an interval', async () => {
  expect(await scoresOf(labelled([['東京', '東京']]), 'rouge-l')).toEqual({
    scores: { 'rouge-l': null },
    failures: [],
    intervals: { 'rouge-l': null },
    rowScores: [{}],
  });
});

test.each([
  // scipy 1.17: binomtest(right, rows).proportion_ci(method='wilson').
  [0, 20, [0, 0.16112515805281935]],
  [20, 20, [0.8388748419471808, 1]],
  [5, 20, [0.11186170140766571, 0.468700877618744]],
])(
  '%i right of %i have the interval of Wilson, by a metric that has parts as well',
  async (right, of, wanted) => {
    const rows = Array.from({ length: of }, (_, at): [string, string] => [at < right ? 'a' : 'x', 'a']);
    const { intervals } = await scoresOf(labelled(rows), 'accuracy', 'token-f1', 'rouge1');
    for (const name of ['accuracy', 'token-f1', 'rouge1']) {
      expect(intervals[name]![0], name).toBeCloseTo(wanted[0], 7);
      expect(intervals[name]![1], name).toBeCloseTo(wanted[1], 7);
    }
  },
);

test('a score of all rows that no resample changes has an interval without a width', async () => {
  const file = labelled(Array.from({ length: 5 }, () => ['a b c d e', 'a b c d e']));
  const { scores, intervals } = await scoresOf(file, 'bleu', 'sentence-bleu');
  expect(scores['bleu']).toBeCloseTo(100, 9);
  expect(intervals['bleu']).toEqual([scores['bleu'], scores['bleu']]);
  // In the unit of sacrebleu.
  expect(intervals['sentence-bleu']![0]).toBeCloseTo(100 * 0.5655175352168, 4);
});

describe('the bootstrap', () => {
  const mean =
    (values: readonly number[]) =>
    (sample: Resample): number => {
      let sum = 0;
      for (let at = 0; at < sample.length; at++) sum += values[sample[at]];
      return sum / sample.length;
    };
  const values = Array.from({ length: 200 }, (_, at) => (at % 4 === 0 ? 1 : 0));

  test('gives the normal interval of a share of many rows', () => {
    const [[low, high] = [NaN, NaN]] = bootstrap(200, 1, [mean(values)]);
    const half = 1.96 * Math.sqrt((0.25 * 0.75) / 200);
    expect(Math.abs(low - (0.25 - half))).toBeLessThan(0.008);
    expect(Math.abs(high - (0.25 + half))).toBeLessThan(0.008);
  });

  test('gives the same interval for a seed, and another one for another seed', () => {
    const uneven = values.map((value, at) => value + at / 1000);
    expect(bootstrap(200, 1, [mean(uneven)])).toEqual(bootstrap(200, 1, [mean(uneven)]));
    expect(bootstrap(200, 1, [mean(uneven)])).not.toEqual(bootstrap(200, 2, [mean(uneven)]));
  });

  test('draws the same rows for all statistics', () => {
    const shifted = values.map((value) => value + 3);
    const difference = (sample: Resample): number => mean(shifted)(sample) - mean(values)(sample);
    const [interval] = bootstrap(200, 1, [difference]);
    expect(interval?.[0]).toBeCloseTo(3, 9);
    expect(interval?.[1]).toBeCloseTo(3, 9);
  });
});

describe('two files of predictions', () => {
  const first = labelled([
    ['a', 'a'],
    ['x', 'b'],
    ['x', 'c'],
    ['d', 'd'],
  ]);

  test('have the rows that improved and worsened, and the exact test of a metric of 0 and 1', async () => {
    const second = labelled([
      ['x', 'a'],
      ['b', 'b'],
      ['c', 'c'],
      ['d', 'd'],
    ]);
    expect(await comparePredictions(first, second, metricOf('accuracy'), 42)).toMatchObject({
      rows: 4,
      first: 0.5,
      second: 0.75,
      difference: 0.25,
      improved: 2,
      worsened: 1,
      mcnemarP: 1,
    });
  });

  test('are of the rows that the metric can score in both files', async () => {
    // A long answer stops the pattern at its step limit, so it has no score.
    const endless = `${'a'.repeat(40)}!`;
    const form = withSettings({ name: 'regex', pattern: '^(a+)+$' });
    const answers = (...texts: string[]) => labelled(texts.map((text): [string, string] => [text, 'x']));
    const found = await comparePredictions(
      answers('a', 'a', 'b', endless),
      answers(endless, 'b', 'b', 'b'),
      form,
      42,
    );
    expect(found).toMatchObject({ rows: 4, compared: 2, first: 0.5, second: 0, difference: -0.5 });
    expect(found).toMatchObject({ improved: 0, worsened: 1, mcnemarP: 1 });
    const none = await graftError(
      () => comparePredictions(answers('a', endless), answers(endless, 'a'), form, 42),
      'predictions',
    );
    expect(none.what).toMatch(/can score no row of p\.jsonl that it can score in p\.jsonl\.$/);
  });

  test('have an interval of more than a point if every row improved', async () => {
    const [wrong, right] = ['x', 'a'].map((answer) =>
      labelled(Array.from({ length: 20 }, (): [string, string] => [answer, 'a'])),
    );
    const { difference, interval } = await comparePredictions(wrong, right, metricOf('accuracy'), 42);
    expect(difference).toBe(1);
    // Wilson's for 20 of 20, as scipy has it, on the scale from −1 to 1.
    expect(interval[0]).toBeCloseTo(2 * 0.8388748419471808 - 1, 6);
    expect(interval[1]).toBe(1);
  });

  test('have no exact test for a metric between 0 and 1', async () => {
    expect(await comparePredictions(first, first, metricOf('token-f1'), 42)).toMatchObject({
      difference: 0,
      // No row changes: that does not show that none ever will.
      interval: [0, 0],
      mcnemarP: null,
    });
  });

  test('compare corpus scores, not means, with a corpus metric', async () => {
    const { rows, bleu } = made.one;
    const perfect = fileOf(rows.map(({ references }) => ({ answer: references[0], references })));
    const { difference } = await comparePredictions(fileOf(rows), perfect, metricOf('bleu'), 42);
    expect(difference).toBeCloseTo(100 - bleu, 9);
  });

  test('are refused at the first row whose references differ', async () => {
    const other = labelled(
      [
        ['a', 'a'],
        ['b', 'B'],
        ['c', 'C'],
      ],
      'q.jsonl',
    );
    const error = await graftError(
      () => comparePredictions(first, other, metricOf('accuracy'), 42),
      'predictions',
    );
    expect(error.what).toBe(
      'Row 2 has different references: line 2 of p.jsonl has ["b"], and line 2 of q.jsonl has ["B"].',
    );
  });

  test('are refused at the first row that only one of them has', async () => {
    const shorter = labelled([['a', 'a']], 'q.jsonl');
    const error = await graftError(
      () => comparePredictions(first, shorter, metricOf('accuracy'), 42),
      'predictions',
    );
    expect(error.what).toBe('p.jsonl has 4 rows and q.jsonl has 1: row 2 is only in one of them.');
  });

  test('are refused if the metric can score none of the rows', async () => {
    const file = labelled([['東京', '東京']]);
    const error = await graftError(
      () => comparePredictions(file, file, metricOf('rouge-l'), 42),
      'predictions',
    );
    expect(error.what).toMatch(/^No row of p\.jsonl has a reference that rouge-l can score\.$/);
  });
});

describeShared('scores of the reference texts and labels', () => {
  test('agree with the published implementations', async () => {
    const texts = sharedJsonl<{
      prediction: string;
      reference: string;
      rouge1: { fmeasure: number };
      rouge2: { fmeasure: number };
      rougeL: { fmeasure: number };
      sentence_bleu: number;
      sentence_chrf: number;
      squad_exact: boolean;
      squad_f1: number;
      gsm8k_strict: [string, string];
      gsm8k_flexible: [string, string];
    }>('reference', 'metrics', 'texts.jsonl');
    const { corpus } = sharedJson<{ corpus: { bleu: number; chrf: number } }>(
      ...['reference', 'metrics', 'expected.json'],
    );
    const names = [...ROW_METRICS, 'normalized-match', 'token-f1', 'number-strict', 'number-flexible'];
    const file = labelled(texts.map(({ prediction, reference }) => [prediction, reference]));
    const { scores, rowScores } = await scoresOf(file, ...names, 'bleu', 'chrf');
    expect(scores['bleu']).toBeCloseTo(corpus.bleu, 6);
    expect(scores['chrf']).toBeCloseTo(corpus.chrf, 6);
    for (const [at, text] of texts.entries()) {
      const isNumber = ([given, wanted]: [string, string]): number =>
        wanted !== '[invalid]' && given.replaceAll(/[$,]/g, '') === wanted.replaceAll(/[$,]/g, '') ? 1 : 0;
      const wanted: Record<string, number> = {
        rouge1: text.rouge1.fmeasure,
        rouge2: text.rouge2.fmeasure,
        rougeL: text.rougeL.fmeasure,
        'sentence-bleu': text.sentence_bleu,
        'sentence-chrf': text.sentence_chrf,
        'normalized-match': Number(text.squad_exact),
        'token-f1': text.squad_f1,
        'number-strict': isNumber(text.gsm8k_strict),
        'number-flexible': isNumber(text.gsm8k_flexible),
      };
      for (const name of names)
        expect(rowScores[at][name], `${name}: ${text.prediction}`).toBeCloseTo(wanted[name], 6);
    }
  });

  interface Labels {
    readonly classes: {
      readonly true: readonly string[];
      readonly a: readonly string[];
      readonly b: readonly string[];
      readonly accuracy: readonly number[];
      readonly macro_f1: readonly number[];
    };
    readonly paired: {
      readonly a_wrong_b_right: number;
      readonly a_right_b_wrong: number;
      readonly mcnemar_exact_two_sided_p: number;
      readonly difference: number;
      readonly bootstrap_percentile_95: readonly [number, number];
    };
  }
  const read = (): Labels => sharedJson('reference', 'metrics', 'expected.json');
  const filesOf = ({ classes }: Labels): PredictionFile[] =>
    [classes.a, classes.b].map((answers) =>
      labelled(answers.map((answer, at) => [answer, classes.true[at]])),
    );

  test.each([0, 1])('agree with scikit-learn for classifier %i', async (at) => {
    const labels = read();
    const { scores } = await scoresOf(filesOf(labels)[at], 'accuracy', 'macro-f1');
    expect(scores['accuracy']).toBeCloseTo(labels.classes.accuracy[at], 9);
    expect(scores['macro-f1']).toBeCloseTo(labels.classes.macro_f1[at], 9);
  });

  test('agree with the paired numbers of two classifiers', async () => {
    const labels = read();
    const { paired } = labels;
    const [first, second] = filesOf(labels);
    const found = await comparePredictions(first, second, metricOf('accuracy'), 42);
    expect(found.improved).toBe(paired.a_wrong_b_right);
    expect(found.worsened).toBe(paired.a_right_b_wrong);
    expect(found.mcnemarP).toBeCloseTo(paired.mcnemar_exact_two_sided_p, 9);
    expect(found.difference).toBeCloseTo(paired.difference, 9);
    for (const end of [0, 1])
      expect(Math.abs(found.interval[end] - paired.bootstrap_percentile_95[end])).toBeLessThan(0.006);
  });
});
