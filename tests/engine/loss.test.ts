/** The loss of an evaluation: reported row by row, the same with every grouping, and stopped without leaving anything on the GPU. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evaluateLoss } from '../../src/evaluate/loss.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import { prepareRows, type PreparedRow } from '../../src/data/prepare.ts';
import { IGNORED } from '../../src/text/trainable.ts';
import { describeOnCpu } from './adapters.ts';
import { readJsonOf, referenceFolder } from './reference-file.ts';
import { sprigFolder } from './sprig.ts';

const ROWS = 90;
const LENGTH = 64;

describeOnCpu('Loss of an evaluation', (context) => {
  let model: LanguageModel;
  let tokenizer: Tokenizer;
  let rows: PreparedRow[];
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    tokenizer = await loadTokenizer(sprigFolder());
    const words = 'The owl lives in the old oak behind the school and sleeps all day. ';
    ({ rows } = prepareRows(
      Array.from({ length: ROWS }, (_, i) => ({
        kind: 'completion' as const,
        prompt: `Row ${i}: ${words.repeat(2)}`,
        completion: `yes ${i}`,
        line: i + 1,
      })),
      tokenizer,
      { maxLength: LENGTH },
    ));
  });
  afterAll(() => model.destroy());

  test('finished rows are reported, and the loss is that of one row after the other', async () => {
    const told: number[] = [];
    const whole = await evaluateLoss(model, rows, undefined, (done) => told.push(done));
    expect(whole.rows).toBe(rows.length);
    expect(Math.log(whole.perplexity)).toBeCloseTo(whole.loss, 10);
    expect(told[0]).toBe(0);
    expect(told.at(-1)).toBe(rows.length);
    expect(told.length).toBeGreaterThan(4);
    expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
    // In several groups and in one call each: the same sum in another order.
    const some = rows.slice(0, 3);
    let sum = 0;
    let tokens = 0;
    for (const row of some) {
      const { loss, supervisedTokens } = await evaluateLoss(model, [row]);
      sum += loss * supervisedTokens;
      tokens += supervisedTokens;
    }
    expect((await evaluateLoss(model, some)).loss).toBeCloseTo(sum / tokens, 4);
  });

  test('stopped at any row it frees what it took', async () => {
    const before = context.device.allocatedBytes;
    for (const stopAt of [0, 1, 2]) {
      let calls = 0;
      let during = 0;
      const stopped = evaluateLoss(model, rows, undefined, () => {
        during = Math.max(during, context.device.allocatedBytes);
        if (calls++ === stopAt) throw new Error('stopped');
      });
      await expect(stopped).rejects.toThrow('stopped');
      if (stopAt > 0) expect(during).toBeGreaterThan(before);
      expect(context.device.allocatedBytes).toBe(before);
    }
    await evaluateLoss(model, rows);
    expect(context.device.allocatedBytes).toBe(before);
  });

  test('the tokens that transformers chose greedily are right, and no others', async () => {
    const folder = referenceFolder('families', 'llama');
    const chosen = await readJsonOf<{ prompt_ids: number[]; new_ids: number[] }>(folder, 'greedy.json');
    const llama = await LanguageModel.load(context.device, folder, { precision: 'f32' });
    const other = (id: number): number => (id + 1) % llama.definition.shape.vocabulary;
    const rowOf = (labelOf: (id: number, at: number) => number) => ({
      ids: [...chosen.prompt_ids, ...chosen.new_ids],
      labels: [...chosen.prompt_ids.map(() => IGNORED), ...chosen.new_ids.map(labelOf)],
    });
    const many = chosen.new_ids.length;
    const all = rowOf((id) => id);
    const some = rowOf((id, at) => (at < 5 ? other(id) : id));
    try {
      expect(await evaluateLoss(llama, [all])).toMatchObject({ rightTokens: many, supervisedTokens: many });
      expect(await evaluateLoss(llama, [all, some])).toMatchObject({
        rightTokens: 2 * many - 5,
        supervisedTokens: 2 * many,
      });
    } finally {
      await llama.destroy();
    }
  });
});
