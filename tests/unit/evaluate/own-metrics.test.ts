/** Metrics with settings in an evaluation: measured, added to kept answers, read again from a file, and in tables, orders, reports and the task card. */
import { expect, test } from 'vitest';
import { addAttempts } from '../../../src/evaluate/add-attempts.ts';
import { attemptsToAdd } from '../../../src/evaluate/add-scorers.ts';
import { chosenIn, metricsOf, scorersOf } from '../../../src/evaluate/columns.ts';
import { intervalsOf } from '../../../src/evaluate/intervals.ts';
import { joinFolds } from '../../../src/evaluate/join-folds.ts';
import { recordOf, type Evaluation } from '../../../src/evaluate/record.ts';
import { evaluationFile, readEvaluation } from '../../../src/evaluate/record-file.ts';
import { PREDICTIONS, pageReportFiles, REPORT, REPORT_PAGE } from '../../../src/evaluate/report-files.ts';
import { chosenScorers } from '../../../src/evaluate/score-answers.ts';
import { sideOf } from '../../../src/evaluate/sides.ts';
import { inOrder, rowScorersOf, sliceScore } from '../../../src/evaluate/slices.ts';
import { successOfRecord } from '../../../src/evaluate/success.ts';
import { scorersWith, withSettings, type ScorerChoice } from '../../../src/scorers/chosen.ts';
import { exactMatch } from '../../../src/scorers/exact-match.ts';
import type { ScorerSpec } from '../../../src/scorers/scorer-spec.ts';
import { answerScores } from '../../../src/scorers/scores.ts';
import { graftError } from '../expect-graft-error.ts';

const WANTED = ['12', '7', '30', 'none'];
const ANSWERS = ['12', 'seven', '31', '{"a": 1}'];
const DIGITS: ScorerSpec = { name: 'regex', pattern: String.raw`^\d+$`, as: 'digits' };
const OWN: ScorerSpec = { name: 'javascript', code: 'JSON.parse(completion).a === 1', as: 'a is 1' };
const SCHEMA: ScorerSpec = { name: 'json-schema', schema: '{"required": ["a"]}' };

const tokenizer = { encode: (text: string) => [...text].map((_, at) => at) };
const asked = WANTED.map((expected) => ({
  question: { prompt: 'How many?', ask: 'How many?', expected },
}));
const answers = ANSWERS.map((text) => ({ text }));

async function measured(...choices: ScorerChoice[]): Promise<Evaluation> {
  const chosen = chosenScorers(
    scorersWith(choices).filter(({ usual }) => !usual),
    tokenizer,
    { isPrompts: false },
  );
  const { scores, failed } = await chosen.score(asked, answers);
  const rows = WANTED.map((expected, at) => ({ expected, answer: ANSWERS[at] }));
  const all = { [exactMatch.name]: answerScores(exactMatch, rows), ...scores };
  const lacks = failed.length > 0 && { lacks: failed };
  return recordOf(
    { time: 0, model: { name: 'sprig', bundled: false }, draw: { seed: 42, of: 4, tooLong: 0 } },
    WANTED.map((expected) => ({ prompt: 'How many?', expected })),
    [{ subject: { method: 'base', label: 'Base model', ...lacks }, answers, scores: all }],
    [{ name: exactMatch.name }, ...chosen.scorers],
  );
}

test('the record keeps the name, the scorer and its settings, and its file opens again', async () => {
  const record = await measured('valid-json', DIGITS, SCHEMA);
  expect(record.scorers).toEqual([
    { name: 'exact-match' },
    { name: 'valid-json' },
    { name: 'digits', scorer: DIGITS },
    { name: 'json-schema {"required": ["a"]}', scorer: SCHEMA },
  ]);
  expect(record.scores.map(([row]) => row.slice(1))).toEqual([
    [1, 1, 1],
    [0, 0, 0],
    [1, 1, 1],
    [1, 0, 1],
  ]);
  expect(chosenIn(record)).toEqual(['valid-json', DIGITS, SCHEMA]);
  expect(readEvaluation(evaluationFile(record), 'evaluation.json')).toEqual(record);
});

test.each<[string, object, RegExp]>([
  [
    'a pattern that is none',
    { scorer: { ...DIGITS, pattern: '(' } },
    /scorers\.1\.scorer is wrong .*its pattern is not a regular expression/,
  ],
  ['a setting that there is not', { scorer: { ...DIGITS, glob: 1 } }, /regex has no setting "glob"/],
  ['an unknown scorer', { scorer: { name: 'magic' } }, /there is no metric "magic"/],
  ['another name', { name: 'exact' }, /a metric with settings has not the name that its settings give it/],
  [
    'a name that is there already',
    { name: 'exact-match', scorer: { ...DIGITS, as: 'exact-match' } },
    /has not the name/,
  ],
])('a file with %s is refused', async (_, change, what) => {
  const record = await measured(DIGITS);
  const changed = { ...record, scorers: [record.scorers[0], { ...record.scorers[1], ...change }] };
  const error = await graftError(() => readEvaluation(JSON.stringify(changed), 'e.json'), 'evaluation-file');
  expect(error.what).toMatch(what);
});

test('a kept record gets the columns that a measurement has, without asking again', async () => {
  const choices = ['valid-json', DIGITS, OWN, SCHEMA];
  const added = await addAttempts(await measured(), choices);
  expect(added).toEqual(await measured(...choices));
  expect(added.subjects[0].lacks).toEqual([
    {
      name: 'a is 1 on 1 answer',
      reason: expect.stringMatching(/^SyntaxError: .*'seven'\. It counts as 0\.$/) as string,
    },
  ]);
  expect(attemptsToAdd(added, choices)).toEqual([]);
  // The number of tokens, and other columns of the file, are not in it.
  const unknown = ['length', { name: 'javascript', code: 'row.level', as: 'level' }];
  expect(attemptsToAdd(added, unknown)).toEqual([]);
});

test('an item without an answer has no score, and takes none from the next', async () => {
  const record = await measured();
  const evidence = record.evidence.map((row, item) => (item === 1 ? row.map(() => null) : row));
  const { scores } = await addAttempts({ ...record, evidence }, [DIGITS]);
  expect(scores.map(([row]) => row.at(-1))).toEqual([1, null, 1, 0]);
});

test('other settings under the same name replace the column, and are not taken for it before', async () => {
  const record = await measured(DIGITS);
  const other = { ...DIGITS, pattern: '^s' };
  expect(metricsOf(sideOf(record, 0), [withSettings(other)])).toEqual({});
  const replaced = await addAttempts(record, [other]);
  expect(replaced).toEqual(await measured(other));
  expect(replaced.scores.map(([[, digits]]) => digits)).toEqual([0, 1, 0, 0]);
});

test('its value is a share with an interval, and answers are ordered and sliced by it', async () => {
  const record = await measured(DIGITS, OWN);
  const side = sideOf(record, 0);
  const scores = metricsOf(side, scorersOf(record));
  expect(scores['digits']?.share).toMatchObject({ count: 2, total: 4 });
  // statsmodels: proportion_confint(2, 4, method='wilson')
  const WILSON = [expect.closeTo(0.150039, 6), expect.closeTo(0.849961, 6)];
  expect(intervalsOf(side, scores, scorersOf(record))['digits']).toEqual(WILSON);
  const [digits, own] = ['digits', 'a is 1'].map((name) =>
    rowScorersOf(side).find((one) => one.name === name)!,
  );
  expect(digits).toMatchObject({ name: 'digits', better: 'higher', range: [0, 1] });
  // Code has no range of its own: 0 and 1 are that of its rows.
  expect(own).toMatchObject({ name: 'a is 1', range: [0, 1] });
  const column = record.scores.map(([row]) => row[1]);
  expect(inOrder('worst', record.items, 'higher', column)).toEqual([1, 3, 0, 2]);
  expect(sliceScore(column, [0, 1, 2, 3], own.range, 42, record.items)?.interval).toEqual(WILSON);
});

test('every file of a report has it under its own name, and says its settings', async () => {
  const files = pageReportFiles(await measured(DIGITS), []);
  const [first] = files[PREDICTIONS].split('\n').map((line): unknown => line && JSON.parse(line));
  expect(first).toMatchObject({ output: '12', scores: { digits: 1 } });
  expect(JSON.parse(files[REPORT])).toMatchObject({
    metrics: [{ name: 'digits', scorer: DIGITS }],
    methods: [
      { metrics: { digits: 0.5 }, intervals: { digits: [expect.closeTo(0.15, 3), expect.any(Number)] } },
    ],
  });
  expect(files[REPORT_PAGE]).toContain('>digits</th>');
  expect(files[REPORT_PAGE]).toContain(String.raw`<code>regex ^\d+$</code>`);
});

test('a task can be a success by it', async () => {
  const record = await measured(DIGITS);
  const said = successOfRecord(record, { card: { goal: '', metric: 'digits', target: '40%' } });
  expect(said?.sentence).toMatch(
    /^Success was set at 40% \(digits\): the base model gets 2 of 4, 95% interval 15% to 85%: reached, but the interval starts below it/,
  );
});

test('folds are joined by the metrics that all have with the same settings', async () => {
  const folds = [await measured(DIGITS, SCHEMA), await measured({ ...DIGITS, pattern: 'x' }, SCHEMA)];
  const joined = joinFolds(
    folds.map((record, fold) => ({ fold, record })),
    'Folds',
  );
  expect(joined.scorers.map(({ name }) => name)).toEqual(['exact-match', 'json-schema {"required": ["a"]}']);
});
