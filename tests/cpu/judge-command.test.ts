/** `graft judge`: verdicts by likelihood, the same as the likelihoods that the model itself gives. */
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import { promptOf } from '../../src/evaluate/answer.ts';
import { JudgingPrompt } from '../../src/evaluate/judging-prompt.ts';
import type { Evaluation } from '../../src/evaluate/record.ts';
import { scoreChoices } from '../../src/model/choice-scores.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG, sprigFolder } from '../engine/sprig.ts';

const at = temporaryFolder();
const ROWS = 6;
const line = (prompt: string, prediction: string): string =>
  `${JSON.stringify({ prompt, prediction, reference: '' })}\n`;
const rows = (of: (row: number) => string): string =>
  Array.from({ length: ROWS }, (_, row) => line(`Question ${row}?`, of(row))).join('');

beforeAll(() => {
  writeFileSync(
    at('a.jsonl'),
    rows((row) => (row === 4 ? 'word '.repeat(400) : `It is ${row}.`)),
  );
  writeFileSync(
    at('b.jsonl'),
    rows((row) => (row === 5 ? `It is ${row}.` : 'The owl is awake.')),
  );
  writeFileSync(at('c.jsonl'), rows(() => 'x').replace('Question 2?', 'Another?'));
});

const judge = (...args: string[]) => graftHere(['judge', '--model', SPRIG, ...args, ...DEVICE_HERE]);

interface Report {
  readonly judged: number;
  readonly same: number;
  readonly too_long: number;
  readonly pairs: readonly { readonly row: number; readonly leans: readonly [number, number] }[];
}

test('compares two files in both orders by the likelihoods of A and B', async () => {
  const { code, err, out } = await judge(
    ...['--predictions', at('a.jsonl'), at('b.jsonl'), '--rubric', 'Short is better.'],
    ...['--out', at('verdicts.json')],
  );
  expect(code, err).toBe(0);
  expect(out).toContain('It is not known whether “sprig” is better than chance as a judge.');
  const report = JSON.parse(readFileSync(at('verdicts.json'), 'utf8')) as Report;
  expect(report).toMatchObject({ judged: 4, same: 1, too_long: 1 });
  const device = await openProcessor({ threads: 1 });
  const model = await LanguageModel.load(device, sprigFolder(), { precision: 'f32' });
  const tokenizer = await loadTokenizer(sprigFolder());
  const prompt = new JudgingPrompt(
    (JSON.parse(readFileSync(at('verdicts.json'), 'utf8')) as { prompt: string }).prompt,
  );
  expect(prompt.source).toContain('Short is better.');
  const texts = tokenizer.chatTemplate === undefined ? [' A', ' B'] : ['A', 'B'];
  for (const { row, leans } of report.pairs) {
    const pair = {
      question: `Question ${row}?`,
      reference: '',
      first: `It is ${row}.`,
      second: 'The owl is awake.',
    };
    for (const swapped of [false, true]) {
      const ids = promptOf(tokenizer, prompt.render(pair, swapped));
      const choices = texts.map((text) => tokenizer.encode(text));
      const [[a, b]] = await scoreChoices(model, [{ prompt: ids, choices }]);
      expect(leans[Number(swapped)]).toBeCloseTo(a - b, 3);
    }
  }
});

test('judges two methods of an evaluation, keeps the verdicts in it, and continues where it was', async () => {
  const item = (row: number) => ({ prompt: `Question ${row}?`, expected: 'yes' });
  const votes = [0, 1, 2].map((row) => ({ item: row, swapped: false, vote: 'first' }));
  const record = {
    ...{ format: 'graft-evaluation', version: 1, scorers: [] },
    made: { time: 0, model: { name: 'sprig', bundled: true } },
    items: [0, 1, 2].map(item),
    subjects: [
      { method: 'base', label: 'Base model' },
      { method: 'adapter', label: 'Mine' },
    ],
    scores: [0, 1, 2].map(() => [[], []]),
    evidence: [0, 1, 2].map((row) => [{ text: `no ${row}` }, { text: 'yes' }]),
    blind: [{ subjects: [0, 1], seed: 1, turns: votes, ended: true }],
  };
  writeFileSync(at('record.json'), JSON.stringify(record));
  const first = await judge('--evaluation', at('record.json'), '--out', at('judged.json'), '--json');
  expect(first.code, first.err).toBe(0);
  expect(JSON.parse(first.out)).toMatchObject({ judged: 3, stopped: false, agreement: { pairs: 3 } });
  const kept = JSON.parse(readFileSync(at('judged.json'), 'utf8')) as Evaluation;
  const [whole] = kept.judged ?? [];
  expect(whole).toMatchObject({ ended: true, subjects: [0, 1] });
  const { ended: _, ...open } = { ...whole, turns: whole.turns.slice(0, 2) };
  writeFileSync(at('paused.json'), JSON.stringify({ ...kept, judged: [open] }));
  const second = await judge('--evaluation', at('paused.json'), '--out', at('again.json'));
  expect(second.code, second.err).toBe(0);
  const again = JSON.parse(readFileSync(at('again.json'), 'utf8')) as Evaluation;
  expect(again.judged?.[0].turns.slice(0, 2)).toEqual(open.turns);
  expect(again.judged?.[0].turns[2].leans[0]).toBeCloseTo(whole.turns[2].leans[0], 3);
  const shown = await graftHere(['evaluate', '--open', at('again.json')]);
  expect(shown.out).toContain('as a judge');
});

test('refuses files that ask different things, methods that are not there, and a call with nothing to judge', async () => {
  const other = await judge('--predictions', at('a.jsonl'), at('c.jsonl'));
  expect(other.err).toContain('Row 3 asks for different things');
  const alone = await judge('--predictions', at('a.jsonl'));
  expect(alone.err).toContain('Two sets of answers are compared');
  const none = await judge();
  expect([none.code, none.err]).toEqual([2, expect.stringContaining('There is nothing to judge')]);
});
