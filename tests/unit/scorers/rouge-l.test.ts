/** ROUGE-L against rouge-score: its numbers for pairs in every clone, and for the texts of ../shared. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { rowScore } from '../../../src/scorers/scorer.ts';
import { rougeL } from '../../../src/scorers/rouge-l.ts';
import { scoresOf } from '../../../src/scorers/scores.ts';
import { describeShared, sharedJsonl } from '../../shared.ts';

const path = fileURLToPath(new URL('../../reference/metrics/rouge.json', import.meta.url));
const { rows } = JSON.parse(readFileSync(path, 'utf8')) as {
  rows: { answer: string; expected: string; f1: number }[];
};

/** rouge-score gives 0 where the expected answer has no word that it knows; here such a row has no score. */
const known = (text: string): boolean => /[a-z0-9]/i.test(text);

test.each(rows)('$answer for $expected', ({ answer, expected, f1 }) => {
  const score = rowScore(rougeL, answer, expected);
  if (known(expected)) expect(score).toBeCloseTo(f1, 12);
  else expect([score, f1]).toEqual([undefined, 0]);
});

test('rows without words of a to z do not pull the mean down', () => {
  const scores = scoresOf(['日本語', 'tea'].map((text) => ({ expected: text, answer: text })));
  expect(scores['rouge-l']?.value).toBe(1);
  expect(scoresOf([{ expected: '日本語', answer: '日本語' }])['rouge-l']).toBeUndefined();
});

describeShared('ROUGE-L of the reference texts', () => {
  test('agrees row by row', () => {
    const texts = sharedJsonl<{ prediction: string; reference: string; rougeL: { fmeasure: number } }>(
      ...['reference', 'metrics', 'texts.jsonl'],
    );
    expect(texts.length).toBeGreaterThan(50);
    for (const { prediction, reference, rougeL: wanted } of texts)
      if (known(reference))
        expect(rowScore(rougeL, prediction, reference), prediction).toBeCloseTo(wanted.fmeasure, 9);
  });
});
