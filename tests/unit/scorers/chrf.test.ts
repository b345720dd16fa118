/** chrF against sacrebleu: its numbers for pairs in every clone, and for the texts of ../shared. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { chrf } from '../../../src/scorers/chrf.ts';
import { rowScore } from '../../../src/scorers/scorer.ts';
import { scoresOf } from '../../../src/scorers/scores.ts';
import { describeShared, sharedJson, sharedJsonl } from '../../shared.ts';

const path = fileURLToPath(new URL('../../reference/metrics/chrf.json', import.meta.url));
const { rows, corpus } = JSON.parse(readFileSync(path, 'utf8')) as {
  rows: { answer: string; expected: string; chrf: number }[];
  corpus: number;
};

test.each(rows)('$answer for $expected', ({ answer, expected, chrf: score }) => {
  expect(rowScore(chrf, answer, expected)).toBeCloseTo(score, 9);
});

test('over all rows the counts are added up first, which is not the mean of the rows', () => {
  expect(scoresOf(rows)['chrf']?.value).toBeCloseTo(corpus, 9);
  const mean = rows.reduce((sum, row) => sum + row.chrf, 0) / rows.length;
  expect(Math.abs(mean - corpus)).toBeGreaterThan(0.01);
});

test('a row without a wanted text has no score', () => {
  expect(rowScore(chrf, 'a', ' ')).toBeUndefined();
});

describeShared('chrF of the reference texts', () => {
  test('agrees row by row, and over all', () => {
    const texts = sharedJsonl<{ prediction: string; reference: string; sentence_chrf: number }>(
      ...['reference', 'metrics', 'texts.jsonl'],
    );
    for (const { prediction, reference, sentence_chrf } of texts)
      expect(rowScore(chrf, prediction, reference) ?? 0, prediction).toBeCloseTo(sentence_chrf / 100, 9);
    const expected = sharedJson<{ corpus: { chrf: number } }>('reference', 'metrics', 'expected.json');
    const whole = scoresOf(texts.map((text) => ({ answer: text.prediction, expected: text.reference })));
    expect(whole['chrf']?.value).toBeCloseTo(expected.corpus.chrf / 100, 9);
  });
});
