/** A model as a judge: verdicts in both orders, its agreement with a person, and what may be said of it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { agreementOf } from '../../../src/evaluate/agreement.ts';
import {
  itemsLeft,
  judgedPair,
  judgingOf,
  withJudging,
  withoutJudging,
  withVerdicts,
} from '../../../src/evaluate/judge-record.ts';
import { judgedInWords, judgedReport, judgedResult, verdictOf } from '../../../src/evaluate/judged.ts';
import { JudgingPrompt } from '../../../src/evaluate/judging-prompt.ts';
import { readEvaluation } from '../../../src/evaluate/record-file.ts';
import { reportPage } from '../../../src/evaluate/report-page.ts';
import {
  recordOf,
  type BlindJudging,
  type BlindTurn,
  type Evaluation,
  type ModelJudging,
} from '../../../src/evaluate/record.ts';
import { graftError } from '../expect-graft-error.ts';

type Vote = BlindTurn['vote'];
interface Case {
  readonly pairs: readonly (readonly [Vote, Vote])[];
  readonly agree: number;
  readonly share: readonly [number, number];
  readonly kappa: number;
  readonly interval: readonly [number, number];
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../reference/metrics/agreement.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[] };

test('kappa and its interval equal those of scikit-learn and SciPy', () => {
  for (const { pairs, agree, share, kappa, interval } of cases) {
    const found = agreementOf(pairs);
    expect(found.agree.count).toBe(agree);
    found.agree.interval.forEach((end, at) => expect(end).toBeCloseTo(share[at], 10));
    expect(found.kappa).toBeCloseTo(kappa, 10);
    found.interval?.forEach((end, at) => expect(end).toBeCloseTo(interval[at], 9));
    expect(found.beatsChance).toBe(interval[0] > 0);
  }
});

test('few pairs that all agree do not beat chance, and one verdict for all pairs has no kappa', () => {
  const even = (many: number): [Vote, Vote][] =>
    Array.from({ length: many }, (_, at) => (at % 2 ? ['first', 'first'] : ['second', 'second']));
  expect(agreementOf(even(4))).toMatchObject({ kappa: 1, beatsChance: false });
  expect(agreementOf(even(12)).beatsChance).toBe(true);
  expect(agreementOf(Array.from({ length: 30 }, () => ['tie', 'tie']))).toMatchObject({
    kappa: undefined,
    interval: undefined,
    beatsChance: false,
  });
});

test('a winner has to win in both orders', () => {
  expect(verdictOf({ leans: [0.5, -0.1] })).toBe('first');
  expect(verdictOf({ leans: [-0.5, 0.1] })).toBe('second');
  for (const leans of [
    [0.5, 0.1],
    [-0.5, -0.1],
    [0, 0],
    [0, -1],
  ] as const)
    expect(verdictOf({ leans })).toBe('tie');
});

const ROWS = 30;
/** Two subjects, whose answers to every tenth row are equal. */
const record: Evaluation = recordOf(
  { time: 0, model: { name: 'sprig', bundled: true } },
  Array.from({ length: ROWS }, (_, at) => ({ prompt: `Question ${at}`, expected: `right ${at}` })),
  ['base', 'adapter'].map((method, at) => ({
    subject: { method, label: at === 0 ? 'Base' : 'Mine' },
    answers: Array.from({ length: ROWS }, (_, row) => ({ text: row % 10 ? `${method} ${row}` : 'same' })),
    scores: {},
  })),
  [],
);
const asked = { subjects: [0, 1] as const, model: { name: 'sprig' }, prompt: 'p' };
const fresh: ModelJudging = { ...asked, turns: [], tooLong: [] };
const LEANS = { first: [1, -1], second: [-1, 1], tie: [2, 1] } as const;
const judgedAs = (votes: readonly Vote[]): ModelJudging =>
  withVerdicts(
    fresh,
    itemsLeft(record, fresh),
    votes.map((vote) => LEANS[vote]),
  );
/** A person's votes on the same items in reverse order, with the subjects the other way round. */
const person = (votes: readonly Vote[]): BlindJudging => ({
  ...{ subjects: [1, 0], seed: 1, ended: true },
  turns: itemsLeft(record, fresh)
    .slice(0, votes.length)
    .map((item, at): BlindTurn => ({ item, swapped: false, vote: votes[at] }))
    .reverse(),
});
const votes = itemsLeft(record, fresh).map((_, at): Vote => (['first', 'second', 'first'] as const)[at % 3]);
const turned = (vote: Vote): Vote => (vote === 'tie' ? vote : vote === 'first' ? 'second' : 'first');

test('a judging continues after the pairs that it has, and the same call judges only the rest', () => {
  const items = itemsLeft(record, fresh);
  expect(items).toHaveLength(27);
  const some = withVerdicts(fresh, items, [LEANS.first, null, LEANS.tie]);
  expect(some).toMatchObject({ tooLong: [2], turns: [{ item: 1 }, { item: 3 }] });
  expect(some.ended).toBeUndefined();
  const kept = withJudging(record, some);
  expect(judgingOf(kept, asked)).toEqual(some);
  expect(itemsLeft(kept, judgingOf(kept, asked))).toEqual(items.slice(3));
  expect(judgingOf(kept, { ...asked, prompt: 'another' }).turns).toEqual([]);
  const whole = withVerdicts(
    some,
    items.slice(3),
    items.slice(3).map(() => LEANS.second),
  );
  expect(whole.ended).toBe(true);
  expect(withJudging(kept, whole).judged).toEqual([whole]);
  expect(withoutJudging(kept, asked)).toEqual(record);
  expect(judgedPair(record, asked, 3)).toEqual({
    ...{ question: 'Question 3', reference: 'right 3', first: 'base 3', second: 'adapter 3' },
  });
});

test('the win rate is a headline only with agreement beyond chance', () => {
  const words = (judging: ModelJudging, blind: readonly BlindJudging[]) => {
    const whole = { ...withJudging(record, judging), blind };
    return judgedInWords(judgedResult(whole, judging), 'Sprig', ['Base', 'Mine']);
  };
  const judging = judgedAs(votes);
  const alone = words(judging, []);
  expect(alone.headline).toBe('It is not known whether “Sprig” is better than chance as a judge.');
  expect(alone.evidence.join(' ')).toContain('For what it is worth: “Base” wins 18 and “Mine” 9');
  const agreeing = words(judging, [person(votes.map(turned))]);
  expect(agreeing.isTrusted).toBe(true);
  expect(agreeing.headline).toMatch(/^“Sprig” as a judge: “Base” wins 18 and “Mine” 9 of 27 pairs/);
  expect(agreeing.evidence[0]).toContain('both judged 27 pairs and agree on 27 (100%');
  const opposed = words(judging, [person(votes)]);
  expect(opposed.headline).toBe('“Sprig” may be no better than chance as a judge here.');
  expect(opposed.headline).not.toContain('wins');
  expect(opposed.evidence[0]).toContain('Cohen’s kappa −');
  expect(words(judging, [{ ...person(votes.map(turned)), ended: undefined }]).isTrusted).toBe(false);
});

test('pairs whose order changed the verdict are ties, with the side that was chosen', () => {
  const judging = withVerdicts(fresh, itemsLeft(record, fresh), [[1, 2], [3, 1], [-1, -2], LEANS.first]);
  const result = judgedResult(record, judging);
  expect(result).toMatchObject({ first: 1, second: 0, ties: 3, alwaysA: 2, alwaysB: 1, of: 27, same: 3 });
  expect(result.changed).toMatchObject({ count: 3, total: 4 });
  expect(judgedInWords(result, 'Sprig', ['Base', 'Mine']).evidence).toContain(
    'On 3 of 4 pairs the order of the answers changed the verdict (75%, 95% interval 30% to 95%): answer A won in both orders 2 times, answer B 1 time. These pairs count as ties.',
  );
});

test('the record, report.json and report.html hold the verdicts', async () => {
  const judging = judgedAs(votes);
  const whole = { ...withJudging(record, judging), blind: [person(votes.map(turned))] };
  expect(readEvaluation(JSON.stringify(whole), 'a.json').judged).toEqual([judging]);
  expect(judgedReport(whole)).toMatchObject([
    { subjects: ['Base', 'Mine'], judge: 'sprig', wins: [18, 9], agreement: { pairs: 27, kappa: 1 } },
  ]);
  const about = { metrics: [], part: 'test', adapters: [], command: 'graft', judged: undefined };
  expect(reportPage(whole, about)).toContain('Judged by a model');
  const outside = { ...judging, turns: [{ item: ROWS, leans: LEANS.first }] };
  await graftError(
    () => readEvaluation(JSON.stringify({ ...whole, judged: [outside] }), 'a.json'),
    'evaluation-file',
  );
});

test('the prompt shows both answers in either order, and refuses a template without one of them', async () => {
  const pair = { question: 'Why?', reference: '', first: 'Because.', second: 'No.' };
  const prompt = new JudgingPrompt();
  expect(prompt.render(pair, false)).toContain('Answer A:\nBecause.\n\nAnswer B:\nNo.');
  expect(prompt.render(pair, true)).toContain('Answer A:\nNo.\n\nAnswer B:\nBecause.');
  expect(prompt.render(pair, false)).not.toContain('A correct answer');
  expect(prompt.render({ ...pair, reference: 'Since.' }, false)).toContain('comparison:\nSince.');
  await graftError(() => new JudgingPrompt('{{ a }} or?'), 'judging-prompt');
  await graftError(() => new JudgingPrompt('{% if %}'), 'judging-prompt');
});
