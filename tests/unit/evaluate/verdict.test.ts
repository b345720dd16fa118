/** The verdict of an evaluation: against the best method without tuning, with a paired test, and no claim beyond the numbers. */
import { describe, expect, test } from 'vitest';
import { onSameRows, whyNoExamples } from '../../../src/app/baseline/methods.ts';
import { methodsOf } from '../../../src/evaluate/compared.ts';
import { lossRowsInWords, rowsInWords } from '../../../src/evaluate/rows-in-words.ts';
import { caveatOf, isHeldOut } from '../../../src/evaluate/seen.ts';
import { isFreeText, judge, reference, type Verdict } from '../../../src/evaluate/verdict.ts';
import { fromFewShot } from '../../../src/evaluate/earlier.ts';
import type { Draw, LossReport, Share } from '../../../src/worker/api.ts';
import { fewIn, measuredIn, recordOfOne, type Earlier, type EarlierFew } from './earlier-shapes.ts';

const ROWS = 20;
const ORIGIN = { time: 0, model: { name: 'sprig', bundled: true, fingerprint: 'f' } };
const ADAPTER = { name: 'Captain', id: '1' };
const LABELS: Draw = { seed: 42, of: 200, tooLong: 0, labels: { drawn: 4, of: 4, least: 5, most: 5 } };
const TEXTS: Draw = { seed: 42, of: 200, tooLong: 0 };

const share = (count: number, total = ROWS): Share & { interval: [number, number] } => ({
  count,
  total,
  interval: [0, 1],
});
const report = (perplexity: number): LossReport & { rows: number } => ({
  loss: Math.log(perplexity),
  perplexity,
  supervisedTokens: 100,
  rows: 200,
});
/** Answers of a method that is right from one row up to another. */
const rightFrom = (from: number, to: number, rows = ROWS): string[] =>
  Array.from({ length: rows }, (_, at) => (at >= from && at < to ? `right ${at}` : 'wrong'));
const rightIn = (answers: readonly string[]): number => answers.filter((answer) => answer !== 'wrong').length;

interface Case {
  readonly base?: string[];
  readonly tuned?: string[];
  readonly nearest?: string[];
  readonly perplexity?: readonly [number, number];
  readonly draw?: Draw;
  readonly rows?: number;
}

function evaluation({
  rows = ROWS,
  base = rightFrom(0, 0, rows),
  tuned = rightFrom(0, 0, rows),
  nearest,
  perplexity = [20, 20],
  draw = LABELS,
}: Case): Earlier {
  return {
    origin: { ...ORIGIN, adapter: ADAPTER },
    seen: { asked: 0, test: 0, of: 90 },
    draw,
    rules: nearest ? [{ rule: 'nearest', exact: share(rightIn(nearest), rows), answers: nearest }] : [],
    rows: Array.from({ length: rows }, (_, at) => ({
      prompt: `Ask ${at}`,
      expected: `right ${at}`,
      base: base[at],
      tuned: tuned[at],
    })),
    base: report(perplexity[0]),
    tuned: report(perplexity[1]),
    exact: { base: share(rightIn(base), rows), tuned: share(rightIn(tuned), rows) },
  };
}

/** The same with answers of the adapter's own to each row, all wrong. */
const reworded = (result: Earlier): Earlier => ({
  ...result,
  rows: result.rows.map((row, at) => ({ ...row, tuned: `wrong in other words, ${at}` })),
});

function withExamples(answers: string[], perplexity?: number): EarlierFew {
  return {
    origin: ORIGIN,
    draw: LABELS,
    shots: Array.from({ length: 4 }, () => ({ prompt: '', answer: '' })),
    rows: answers.map((answer, at) => ({ prompt: `Ask ${at}`, expected: `right ${at}`, answer })),
    exact: share(rightIn(answers)),
    ...(perplexity !== undefined && { loss: report(perplexity) }),
    promptTokens: 100,
    seconds: 1,
  };
}

test('a rule that is never right is not what the others are compared with', () => {
  const neverRight = rightFrom(0, 0);
  const best = (nearest: string[]) => reference(methodsOf(recordOfOne(evaluation({ nearest })))).key;
  expect(best(neverRight)).toBe('base');
  expect(best(rightFrom(0, 1))).toBe('nearest');
});

const verdict = (result: Earlier, few?: EarlierFew): Verdict => judge([measuredIn(result)], fewIn(few));
const said = (result: Earlier, few?: EarlierFew): string => {
  const { before, number, after } = verdict(result, few);
  return before + number + after;
};

describe('answers that can be right', () => {
  test('a cheap method that wins is named, whatever the perplexity did', () => {
    // 13 of 20 by copying, none by the adapter, and a perplexity that fell to a tenth.
    const result = evaluation({ nearest: rightFrom(0, 13), perplexity: [200, 20] });
    expect(said(result)).toBe(
      'Tuning did not help: copying the nearest row gets 13 of 20 held-out rows exactly right, the adapter 0.',
    );
    const { winner, how } = verdict(result);
    expect(winner).toBe('untuned');
    expect(how).toMatch(
      /^On the same 20 rows, only the adapter is right on 0, only the nearest row on 13\. .* about once in 4,096 times by chance \(exact McNemar test, p = 0\.00024\)\./,
    );
    expect(how).toContain(
      'The reference answers are likelier under the adapter (perplexity 200 → 20.0 from base to adapter), but it gives fewer right ones. Loss and perplexity are on all 200 test rows.',
    );
  });

  test('an adapter that wins is compared with the best of the others, and not only with the base', () => {
    const result = evaluation({ tuned: rightFrom(0, 18), nearest: rightFrom(0, 6), base: rightFrom(0, 2) });
    expect(said(result)).toBe(
      'Tuning helped: the adapter gets 18 of 20 held-out rows exactly right. The best without tuning, copying the nearest row, gets 6.',
    );
    expect(verdict(result).winner).toBe('tuned');
  });

  test('examples in the prompt count if they were asked the same rows', () => {
    const result = evaluation({ tuned: rightFrom(0, 12), base: rightFrom(0, 2) });
    expect(verdict(result).winner).toBe('tuned');
    expect(said(result, withExamples(rightFrom(0, 20)))).toBe(
      'Tuning did not help: the base model with 4 examples in its prompt gets 20 of 20 held-out rows exactly right, the adapter 12.',
    );
  });

  test('a difference that may be chance is called so, in both directions', () => {
    const better = evaluation({ tuned: rightFrom(0, 12), nearest: rightFrom(1, 8) });
    expect(said(better)).toBe(
      'Tuning may have helped: the adapter gets 12 of 20 held-out rows exactly right. The best without tuning, copying the nearest row, gets 7. The difference may be chance.',
    );
    // Five rows against none are not enough; six are.
    expect(verdict(better).winner).toBeUndefined();
    expect(verdict(better).how).toContain('about once in 16 times by chance');
    expect(verdict(better).how).toContain('p = 0.063');
    expect(verdict(evaluation({ tuned: rightFrom(0, 12), nearest: rightFrom(1, 7) })).winner).toBe('tuned');
    const worse = evaluation({ tuned: rightFrom(5, 12), nearest: rightFrom(3, 14) });
    expect(said(worse)).toBe(
      'No gain: copying the nearest row gets 11 of 20 held-out rows exactly right, the adapter 7. The difference may be chance.',
    );
  });

  test('an equal number is not a gain', () => {
    const result = evaluation({ tuned: rightFrom(0, 9), base: rightFrom(0, 9), perplexity: [20, 2] });
    expect(said(result)).toBe(
      'No gain: the adapter gets 9 of 20 held-out rows exactly right, as many as the base model.',
    );
    expect(verdict(result).how).toMatch(
      /right on the same rows: nothing tells them apart\..*no more right ones/,
    );
    expect(said(evaluation({ perplexity: [20, 2] }))).toMatch(/^No gain: the adapter gets 0 of 20/);
  });

  test('the better one of two adapters is named', () => {
    const good = evaluation({ tuned: rightFrom(0, 18) });
    const { before, number } = judge([measuredIn(evaluation({}), 'One'), measuredIn(good, 'Two')]);
    expect(before + number).toBe('Tuning helped: “Two” gets 18 of 20');
  });

  test('a result without the rows of a rule, from an earlier version, is not tested and says so', () => {
    const kept = evaluation({ nearest: rightFrom(0, 13) });
    const result = { ...kept, draw: undefined, rules: [{ rule: 'nearest' as const, exact: share(13) }] };
    const old = { ...result, rows: result.rows.map((row) => ({ ...row, expected: 'right 0' })) };
    expect(said(old)).toMatch(/^No gain: copying the nearest row gets 13 .* may be chance\.$/);
    expect(verdict(old).how).toMatch(/^Which rows the nearest row gets right was not kept then/);
  });

  test('few rows make a sober headline, which says how few', () => {
    const few = verdict(evaluation({ rows: 19, tuned: rightFrom(0, 19, 19) }));
    // By the test it is no chance, and 19 rows are few all the same.
    expect(few.how).toContain('p = 0.0000038');
    expect(few).toMatchObject({ isSober: true, winner: undefined, number: '19 of 19' });
    expect(few.before).toBe('Tuning may have helped: the adapter gets ');
    expect(few.after).toMatch(/Only 19 rows: too few to rely on\.$/);
    expect(few.caution).toMatch(/^Measure on more/);
    expect(verdict(evaluation({ rows: 1 })).after).toMatch(/Only 1 row: too few to rely on\.$/);
    // What tuning spoiled is said of few rows as well.
    const spoiled = verdict(evaluation({ rows: 8, base: rightFrom(0, 8, 8) }));
    expect(spoiled).toMatchObject({ isSober: true, winner: 'untuned' });
    expect(spoiled.before).toMatch(/^Tuning did not help: /);
    const enough = verdict(evaluation({ tuned: rightFrom(0, ROWS) }));
    expect(enough).toMatchObject({ isSober: false, winner: 'tuned', caution: '' });
    expect(enough.after).not.toContain('Only');
  });
});

describe('free text', () => {
  test('is judged by perplexity, which says what it does not show', () => {
    const result = reworded(evaluation({ draw: TEXTS, perplexity: [20, 2] }));
    expect(said(result)).toBe(
      'The adapter is less surprised by the reference answers than the base model: perplexity 20.0 → 2.00.',
    );
    expect(verdict(result).how).toMatch(
      /^The answers are free text: 0 of 20 match the reference word for word .* does not say whether a model’s own answers are true or good\. Loss and perplexity are on all 200 test rows\. Forgetting was not measured here\.$/,
    );
    expect(said(evaluation({ draw: TEXTS, perplexity: [20, 2], rows: 0 }))).toBe(
      'The adapter is less surprised by the held-out text than the base model: perplexity 20.0 → 2.00.',
    );
    expect(said(evaluation({ draw: TEXTS, perplexity: [20, 19.9] }))).toMatch(/^No gain: .*20\.0 → 19\.9\.$/);
    expect(said(evaluation({ draw: TEXTS, perplexity: [2, 20] }))).toMatch(/^Tuning did not help/);
  });

  test('examples in the prompt are compared with if their perplexity is lower', () => {
    const result = evaluation({ draw: TEXTS, perplexity: [20, 8] });
    expect(said(result, withExamples(rightFrom(0, 0), 4))).toBe(
      'Tuning did not help: the adapter is more surprised by the reference answers than the base model with 4 examples in its prompt: perplexity 4.00 → 8.00.',
    );
  });

  test('a lower perplexity is not a win if fewer answers are right', () => {
    const result = evaluation({ draw: TEXTS, base: rightFrom(0, 2), perplexity: [20, 2] });
    expect(said(result)).toMatch(/^No gain: the base model gets 2 of 20/);
    expect(verdict(result).winner).toBeUndefined();
  });

  test('nothing is compared if no row asks for an answer', () => {
    const { how, caution } = verdict(evaluation({ draw: TEXTS, rows: 0, perplexity: [20, 2] }));
    expect(how).toMatch(/^No test row asks for an answer/);
    expect(caution).toBe('');
  });
});

describe('rows that were measured', () => {
  const plain = evaluation({ tuned: rightFrom(0, 17) });
  const by = (seen: Earlier['seen']): Earlier => {
    const { seen: _, ...others } = plain;
    return { ...others, ...(seen !== undefined && { seen }) };
  };
  const sideBy = (seen: Earlier['seen']) => measuredIn(by(seen)).tuned;

  test('are called held out only if training saw none of them', () => {
    const clean = sideBy({ asked: 0, test: 0, of: 90 });
    expect(isHeldOut(clean)).toBe(true);
    expect(caveatOf(clean)).toBe('');
    const seen = { asked: 0, test: 3, of: 90 };
    expect(isHeldOut(sideBy(seen))).toBe(false);
    expect(verdict(by(seen)).caution).toMatch(/^Training saw 0 of the 20 rows .* and 3 of the 90 test rows/);
  });

  test('are not called held out if training saw them', () => {
    const result = by({ asked: 13, test: 30, of: 40 });
    expect(said(result)).toMatch(
      /^Tuning may have helped: the adapter gets 17 of 20 rows exactly right.*But training saw 13 of these 20 rows\.$/,
    );
    expect(verdict(result).winner).toBeUndefined();
    expect(verdict(result).caution).toMatch(
      /^Training saw 13 of the 20 rows that were asked, and 30 of the 40/,
    );
  });

  test('are warned of for each adapter that saw them, by its name if not all did', () => {
    const [clean, seen, other] = [0, 13, 13].map((asked, at) =>
      measuredIn(by({ asked, test: asked, of: 40 }), ['Captain', 'Admiral', 'Pirate'][at]),
    );
    expect(judge([clean, seen]).caution).toMatch(/^“Admiral”: Training saw 13 of the 20 rows/);
    expect(judge([clean, seen, other]).caution).toMatch(/^“Admiral”, “Pirate”: Training saw 13/);
    expect(judge([seen, other]).caution).toMatch(/^Training saw 13 of the 20 rows[^“]*$/);
  });

  test.each([
    ['imported', /was imported.*not known/],
    ['before', /did not keep.*not known/],
    ['rows', /no longer kept.*not known/],
    [undefined, /was not checked/],
  ] as const)('are not called so where it is not known: %s', (seen, words) => {
    expect(isHeldOut(sideBy(seen))).toBe(false);
    expect(verdict(by(seen)).caution).toMatch(words);
    expect(said(by(seen))).not.toContain('held-out');
  });

  const drawn = (changes: Partial<Draw>): Draw => ({ seed: 42, of: 3080, tooLong: 0, ...changes });
  test.each([
    [
      20,
      drawn({ labels: { drawn: 20, of: 77, least: 1, most: 1 } }),
      '20 of 3,080 test rows, drawn at random with seed 42: 20 of the 77 labels, each once.',
    ],
    [
      100,
      drawn({ labels: { drawn: 77, of: 77, least: 1, most: 2 } }),
      '100 of 3,080 test rows, drawn at random with seed 42: each of the 77 labels once or twice.',
    ],
    [
      616,
      drawn({ labels: { drawn: 77, of: 77, least: 8, most: 8 } }),
      '616 of 3,080 test rows, drawn at random with seed 42: each of the 77 labels 8 times.',
    ],
    [
      20,
      drawn({ of: 100, labels: { drawn: 2, of: 2, least: 2, most: 18 } }),
      '20 of 100 test rows, drawn at random with seed 42: labels come up about as often as in the whole test part.',
    ],
    [20, drawn({ of: 36 }), '20 of 36 test rows, drawn at random with seed 42.'],
    [6, drawn({ of: 6 }), 'All 6 test rows.'],
    [
      5,
      drawn({ of: 6, tooLong: 1 }),
      '5 of 6 test rows. 1 row that came up was left out: too long for this model to answer.',
    ],
    [
      20,
      drawn({
        of: 36,
        reserved: {
          examples: [
            { row: 8, line: 9 },
            { row: 3, line: 4 },
          ],
          copies: 1,
        },
      }),
      '20 of 36 test rows, drawn at random with seed 42. 2 rows (lines 4, 9) are reserved as examples, since the data has no others: no method answers them, nor 1 row with the same prompt.',
    ],
    [
      20,
      undefined,
      'The first 20 test rows, in the order of the file: an earlier version did not draw at random. Measure again for a fair sample.',
    ],
  ])('%i rows are reported as they were drawn', (asked, draw, words) => {
    expect(rowsInWords(asked, draw)).toBe(words);
  });

  test('rows of the loss are reported too', () => {
    expect(rowsInWords(4, drawn({ of: 6 }), report(2))).toBe(
      '4 of 6 test rows that ask for something, drawn at random with seed 42.',
    );
    expect(rowsInWords(8, drawn({ of: 200, test: 200, planned: 20 }))).toBe(
      'Stopped after 8 of 20 rows. 8 of 200 test rows, drawn at random with seed 42.',
    );
    expect(lossRowsInWords(20, report(2))).toBe('Loss and perplexity are on all 200 test rows.');
    expect(lossRowsInWords(200, report(2))).toBe('Loss and perplexity are on the same 200 rows.');
    expect(lossRowsInWords(20, undefined)).toMatch(/not measured/);
    const { rows: _, ...old } = report(2);
    expect(lossRowsInWords(20, old)).toBe('Loss and perplexity are over the whole test part.');
  });
});

describe('examples in the prompt', () => {
  const result = recordOfOne(evaluation({}));
  test('are among the methods if they were asked the same rows', () => {
    const few = fromFewShot(withExamples(rightFrom(0, 3)));
    expect(whyNoExamples(result, few)).toBeUndefined();
    expect(methodsOf(result, onSameRows(result, few)).map(({ key }) => key)).toEqual(['base', 'few-shot']);
  });

  test.each([
    [undefined, /was not measured\.$/],
    [withExamples(rightFrom(0, 0, 12)), /with 4 examples .* was measured on 12 rows, the others on 20\.$/],
    [
      {
        ...withExamples(rightFrom(0, 0)),
        origin: { ...ORIGIN, model: { ...ORIGIN.model, fingerprint: 'g' } },
      },
      /another model, or on other data\.$/,
    ],
    [
      {
        ...withExamples(rightFrom(0, 0)),
        rows: withExamples(rightFrom(0, 0)).rows.toReversed(),
      },
      /on other rows of the test part\.$/,
    ],
  ])('are left out with a reason: %#', (report, why) => {
    const few = report && fromFewShot(report);
    expect(whyNoExamples(result, few)).toMatch(why);
    expect(methodsOf(result, onSameRows(result, few)).map(({ key }) => key)).toEqual(['base']);
  });
});

describe('pairs of answers', () => {
  /** What tuning adds to the log-probabilities of the chosen and of the rejected answer. */
  type Gain = readonly [number, number];
  const likely = (chosen: number, rejected: number) => ({
    chosen: { logp: chosen, tokens: 2 },
    rejected: { logp: rejected, tokens: 4 },
  });
  const pairsOf = (gains: readonly Gain[]): NonNullable<Earlier['pairs']> => ({
    base: gains.map(() => likely(-3, -4)),
    tuned: gains.map(([chosen, rejected]) => likely(-3 + chosen, -4 + rejected)),
  });
  const of = (gains: readonly Gain[]): Verdict =>
    verdict({ ...reworded(evaluation({ draw: TEXTS })), pairs: pairsOf(gains) });

  test('are judged by what the tuning made likelier, with a sign test', () => {
    const many = Array.from({ length: 24 }, (_, at): Gain => (at === 0 ? [0, 1] : [1, -1]));
    expect(of(many)).toMatchObject({
      before:
        'Tuning helped: the adapter moved from the base model towards the chosen answer, away from the rejected one, in ',
      number: '23 of 24',
      after: ' pairs.',
      winner: 'tuned',
    });
    // 25 of 16,777,216 splits are as uneven on either side.
    expect(of(many).how).toContain('(exact sign test, p = 0.000003)');
    // Per token the base model finds the rejected answer likelier everywhere: −1 against −1.5.
    expect(of(many).how).toContain('is the likelier one in 23 pairs to the adapter, in 0 to the base model.');
    expect(of(many.slice(0, 3))).toMatchObject({
      number: '2 of 3',
      after: ' pairs. That may be chance. Only 3 pairs: too few to rely on.',
    });
    expect(of(many.slice(0, 12))).toMatchObject({
      before: expect.stringMatching(/^Tuning may have helped: /) as string,
      number: '11 of 12',
      winner: undefined,
    });
  });

  test('no help is claimed where the chosen answers became less likely too, as with any adapter that makes all tokens so', () => {
    const worse = Array.from({ length: 20 }, (): Gain => [-1, -3]);
    expect(of(worse)).toMatchObject({
      before: expect.stringMatching(/^Tuning may have helped: /) as string,
      number: '20 of 20',
      after: ' pairs. The chosen answer itself became likelier in 0 only.',
      winner: undefined,
    });
  });

  describe('verdict on gained pairs', () => {
    const gained = Array.from({ length: 20 }, (): Gain => [1, -1]);
    const result = { ...evaluation({ draw: TEXTS }), pairs: pairsOf(gained) };

    test('says that tuning did not help if no answer changed, though all moved the right way', () => {
      const { before, number, winner, how } = verdict(result);
      expect(before).toMatch(
        /^No answer changed: all 20 are the base model’s, to the letter, though the adapter moved/,
      );
      expect(before).not.toContain('helped');
      expect([number, winner]).toEqual(['20 of 20', undefined]);
      expect(how).toContain('0 of 20 answers of its own differ from the base model’s.');
    });

    test('says that tuning did not help if the chosen answers themselves are lost', () => {
      const wreck = reworded({ ...result, base: report(4.95), tuned: report(42_750) });
      expect(verdict(wreck)).toMatchObject({
        before: expect.stringMatching(
          /^Tuning did not help: the perplexity of the chosen answers went from 4\.95 to 42,750, though the adapter moved/,
        ) as string,
        winner: 'untuned',
      });
      expect(verdict(reworded({ ...result, base: report(5), tuned: report(6) })).before).toMatch(
        /^Tuning helped: /,
      );
    });
  });

  test('few pairs say little, however many rows were asked', () => {
    expect(of([[1, 0]])).toMatchObject({
      isSober: true,
      caution: expect.stringMatching(/^Measure on more/) as string,
    });
  });

  test('show no gain if nothing was learned, and no help if they moved the wrong way', () => {
    expect(of(Array.from({ length: 12 }, (): Gain => [0, 0]))).toMatchObject({
      before: expect.stringMatching(/^No gain: /) as string,
      number: '0 of 12',
      winner: undefined,
    });
    expect(of(Array.from({ length: 12 }, (): Gain => [-1, 1]))).toMatchObject({
      before: expect.stringMatching(/^Tuning did not help: /) as string,
      winner: 'untuned',
    });
  });
});

describe('an adapter that is better on its rows', () => {
  const better = evaluation({ tuned: rightFrom(0, ROWS) });
  const prompts = (right: number) =>
    Array.from({ length: 12 }, (_, at) => ({
      ...{ prompt: `${at}`, before: 'yes', rightBefore: true },
      ...{ after: at < right ? 'yes' : 'no', rightAfter: at < right },
    }));

  test('is not said to help where most of what the model knew is gone', () => {
    const gone = { before: 0.7, after: 7.4, prompts: prompts(0) };
    for (const lost of [
      measuredIn(better, 'Captain', gone),
      measuredIn(better, 'Captain', { before: 0.7, after: 0.8, prompts: prompts(2) }),
      measuredIn({ ...better, general: { base: report(2), tuned: report(1700) } }),
    ]) {
      const { before, winner } = judge([lost]);
      expect(before).toMatch(/^Not better on the whole: .*\. On these rows the adapter gets $/);
      expect(winner).toBeUndefined();
    }
    expect(judge([measuredIn(better, 'Captain', gone)]).before).toContain(
      'of 12 general prompts it answers 0 rightly, before 12',
    );
  });

  test('is where little was forgotten, and a verdict says where that is not known', () => {
    const kept = judge([measuredIn(better, 'Captain', { before: 0.7, after: 0.9, prompts: prompts(10) })]);
    expect(kept).toMatchObject({ before: 'Tuning helped: the adapter gets ', winner: 'tuned' });
    expect(kept.how).not.toContain('not measured');
    expect(verdict(better).how).toMatch(/Forgetting was not measured here\.$/);
  });

  test('has what it forgot in its headline, unless a single prompt is lost', () => {
    const after = (right: number) =>
      judge([measuredIn(better, 'Captain', { before: 0.7, after: 0.7, prompts: prompts(right) })]);
    expect(after(7).after).toMatch(
      / But it forgot: it answers 7 of 12 general prompts rightly, before 12\.$/,
    );
    expect(after(11).after).not.toContain('forgot');
    expect(after(11).how).toMatch(/It answers 11 of 12 general prompts rightly, before 12\.$/);
    expect(after(12).how).toMatch(/Nothing was forgotten to speak of\.$/);
  });
});

test('two readings of a text are not compared: another tokenizer divides it into other rows', () => {
  const { before, number, winner } = verdict({
    ...evaluation({ rows: 0, perplexity: [20, 10], draw: TEXTS }),
    otherText: true,
  });
  expect(before).toContain('as other rows than the base model, so the two are not compared');
  expect(number).toBe('20.0 and 10.0');
  expect(winner).toBeUndefined();
});

test('answers are labels where training has labels, though each test row has its own', () => {
  const rows = Array.from({ length: 6 }, (_, at) => ({ expected: `label ${at}` }));
  expect(isFreeText({ draw: TEXTS, rows }, 0)).toBe(true);
  expect(isFreeText({ draw: TEXTS, rows, subjects: [{}, { noLabel: 6 }] }, 0)).toBe(false);
});
