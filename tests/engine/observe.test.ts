/** What is observed inside of a model against transformers' hidden states, attention maps and gradients (tests/reference/observe). */
import { expect, test } from 'vitest';
import { LanguageModel } from '../../src/model/language-model.ts';
import { observe } from '../../src/model/observe.ts';
import type { FileSet } from '../../src/weights/bytes.ts';
import { describeShared, sharedFolder } from '../shared.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeDevice } from './adapters.ts';
import { readTensorsOf, referenceFolder } from './reference-file.ts';
import { worstError } from './run.ts';

/** Graft's name of what the reference calls `down.N`. */
const DOWN: Readonly<Record<string, string>> = {
  llama: 'model.layers.N.mlp.down_proj',
  gemma3: 'model.layers.N.mlp.down_proj',
  gpt2: 'transformer.h.N.mlp.c_proj',
  stories260K: 'model.layers.N.mlp.down_proj',
};

function describeModel(name: string, open: () => FileSet): void {
  describeDevice(`Observing ${name}`, (context) => {
    test('gives hidden states, attention maps, results of modules and gradients as transformers does', async () => {
      const model = await LanguageModel.load(context.device, open(), { precision: 'f32' });
      const { floats, integers } = await readTensorsOf(referenceFolder('observe'), `${name}.safetensors`);
      const ids = integers.get('ids')!.values;
      const labels = integers.get('labels')!.values;
      const inner = [...floats.keys()].filter((key) => key !== 'logits' && !key.startsWith('d '));
      const ours = (key: string): string =>
        key.replace(/^down\.(\d+)/, (_, at: string) => DOWN[name].replace('N', at));
      const { layers } = model.definition.shape;
      expect(inner).toHaveLength(4 * layers + 1);

      const forward = await observe(model, ids, ['logits', ...inner.map(ours)]);
      for (const key of ['logits', ...inner])
        expect(worstError(forward.get(ours(key))!.values, floats.get(key)!), key).toBeLessThan(1e-4);
      expect(forward.get('attention.0')!.shape).toEqual([
        model.definition.shape.heads,
        ids.length,
        ids.length,
      ]);

      for (const checkpointing of [false, true]) {
        const both = await observe(model, ids, inner.map(ours), { labels, checkpointing });
        for (const key of inner) {
          const { values, gradient } = both.get(ours(key))!;
          expect(worstError(values, floats.get(key)!), key).toBeLessThan(1e-4);
          if (key.startsWith('attention')) expect(gradient).toBeUndefined();
          else expect(worstError(gradient!, floats.get(`d ${key}`)!), `d ${key}`).toBeLessThan(1e-3);
        }
      }
      await model.destroy();
    });
  });
}

for (const name of ['llama', 'gemma3', 'gpt2']) describeModel(name, () => referenceFolder('families', name));
describeShared('Observing a trained model', () =>
  describeModel('stories260K', () => sharedFolder('models', 'stories260K')),
);

describeDevice('Observing', (context) => {
  test('leaves the logits the same bits, and gives what was asked for only', async () => {
    const model = await LanguageModel.load(context.device, referenceFolder('families', 'llama'), {
      precision: 'f32',
    });
    const ids = [5, 9, 77, 12];
    const plain = await model.logits(ids);
    const observed = await observe(model, ids, ['logits', 'hidden.1', 'attention.*']);
    expect(observed.get('logits')!.values).toEqual(plain);
    expect([...observed.keys()].sort()).toEqual([
      'attention.0',
      'attention.1',
      'attention.2',
      'hidden.1',
      'logits',
    ]);
    await model.destroy();
  });

  test('names the nearest result of a name that the model does not have', async () => {
    const model = await LanguageModel.load(context.device, referenceFolder('families', 'llama'), {
      precision: 'f32',
    });
    const error = await graftError(() => observe(model, [5, 9], ['hiden.1']), 'observe-name');
    expect(error.message).toContain('Did you mean hidden.1?');
    await model.destroy();
  });
});
