/** The loss of each token and its rivals against transformers and PEFT (tests/reference/peft/token-losses.py). */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { folder } from '../../src/cli/files.ts';
import { tokenLosses, type TokenLosses } from '../../src/evaluate/token-losses.ts';
import { readPeft } from '../../src/export/peft.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import type { TokenRow } from '../../src/text/trainable.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeDevice } from './adapters.ts';
import { peftFile, peftLines } from './reference-file.ts';
import { sprigFolder } from './sprig.ts';

interface Token {
  readonly id: number;
  readonly loss: number;
  readonly top: readonly number[];
  readonly probabilities: readonly number[];
}
type Reference = Readonly<Record<'base' | 'adapter', readonly (readonly Token[])[]>>;

describeDevice('losses of tokens', (context) => {
  const reference = JSON.parse(readFileSync(peftFile('token-losses.json'), 'utf8')) as Reference;
  const rows = peftLines<TokenRow>('rows.jsonl');
  let model: LanguageModel;
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    tokenizer = await loadTokenizer(sprigFolder());
  });
  afterAll(() => model.destroy());

  const open = async (name: string): Promise<Adapter> => {
    const { modules, tensors } = await readPeft(folder(peftFile(name)), model.definition);
    return Adapter.frozen(model, modules, tensors);
  };

  test('are those of transformers and PEFT, with the ten likeliest tokens of each model', async () => {
    const adapter = await open('adapter');
    for (const [at, of] of reference.base.entries()) {
      const steps: string[] = [];
      const { tokens, of: all } = await tokenLosses(model, tokenizer, rows[at], adapter, (done, total) =>
        steps.push(`${done} of ${total}`),
      );
      expect(steps).toEqual(['0 of 2', '1 of 2', '2 of 2']);
      expect(all).toBe(of.length);
      expect(tokens.map(({ id }) => id)).toEqual(of.map(({ id }) => id));
      for (const [place, { loss, top }] of tokens.entries()) {
        for (const [side, name] of [
          ['base', 'base'],
          ['tuned', 'adapter'],
        ] as const) {
          const expected = reference[name][at][place];
          expect(Math.abs(loss[side]! - expected.loss), `${name}, token ${place}`).toBeLessThan(1e-3);
          const shown = new Map(top.map((one) => [one.id, one[side]!]));
          for (const [nth, id] of expected.top.entries())
            // The last ones may be as likely as others up to rounding.
            if (nth < 8) expect(shown.get(id)).toBeCloseTo(expected.probabilities[nth], 4);
        }
        const most = top.map(({ base, tuned = 0 }) => Math.max(base, tuned));
        expect(most).toEqual([...most].sort((a, b) => b - a));
      }
      const text = tokens.map((token) => token.text).join('');
      expect(text).toBe(tokenizer.decode(tokens.map(({ id }) => id)));
    }
    adapter.destroy();
  });

  test('have no number of a tuned model without one, and come from the chosen answer of a pair', async () => {
    const [{ ids, labels }] = rows;
    const pair: TokenRow = { ids: [...ids, ...ids], labels: [...labels, ...labels], starts: [ids.length] };
    const of = ({ tokens }: TokenLosses): unknown[] => tokens.map(({ loss }) => loss);
    const alone = await tokenLosses(model, tokenizer, rows[0], undefined);
    expect(alone.tokens.every(({ loss }) => loss.tuned === undefined)).toBe(true);
    expect(of(await tokenLosses(model, tokenizer, pair, undefined))).toEqual(of(alone));
  });

  test('are refused for a row without an answer, and for an adapter with tokens of its own', async () => {
    const [{ ids }] = rows;
    const asks = { ids, labels: ids.map(() => -100) };
    await graftError(() => tokenLosses(model, tokenizer, asks, undefined), 'token-losses');
    const adapter = await open('tokens');
    const error = await graftError(() => tokenLosses(model, tokenizer, rows[0], adapter), 'token-losses');
    expect(error.what).toMatch(/tokens of its own/);
    adapter.destroy();
  });
});
