/** LoHa by the numbers of PEFT: tests/reference/peft/loha.py. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { file, folder } from '../../src/cli/files.ts';
import { mergedFolder } from '../../src/export/grown-folder.ts';
import { mergedWeights } from '../../src/export/merge.ts';
import { overlaid } from '../../src/export/overlaid.ts';
import { readPeft, writePeft, type AdapterData } from '../../src/export/peft.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';
import { defaultSpec, specOf } from '../../src/settings/spec.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { openWeights } from '../../src/weights/folder.ts';
import { concatBytes } from '../../src/weights/safetensors.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeOnCpu } from './adapters.ts';
import { peftFile as at, peftLines as lines, readTensors, type CurveSettings } from './reference-file.ts';
import { worstError } from './run.ts';
import { sprigFolder } from './sprig.ts';

interface Row {
  ids: number[];
  labels: number[];
}
interface Step {
  loss: number;
  lr: number;
  grad_norm: number;
}
const numbers = JSON.parse(readFileSync(at('loha.json'), 'utf8')) as {
  gradients: { rows: number; loss: number };
  curve: CurveSettings;
};

describeOnCpu('LoHa', (context) => {
  const rows = lines<Row>('rows.jsonl');
  let model: LanguageModel;
  let data: AdapterData;
  let ids: ArrayLike<number>;
  let expected: Float32Array;
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    data = await readPeft(folder(at('loha')), model.definition);
    const { floats, integers } = await readTensors(file(at('logits-loha.safetensors')));
    ids = integers.get('ids')!.values;
    expected = floats.get('loha')!;
  });
  afterAll(() => model.destroy());

  test('an adapter of PEFT gives PEFT’s logits: trained, frozen, written again, and merged', async () => {
    const trainable = new Adapter(context.device, data.modules, data.tensors, { trainable: true });
    expect(worstError(await model.logits(ids, trainable), expected)).toBeLessThan(1e-5);
    const files = memoryFiles(writePeft(data, { baseModel: 'sprig' }), 'written');
    const again = await readPeft(files, model.definition);
    expect(again.config).toEqual(data.config);
    expect(again.modules).toEqual(data.modules);
    const frozen = await Adapter.frozen(model, again.modules, again.tensors);
    expect(worstError(await model.logits(ids, frozen), expected)).toBeLessThan(1e-5);
    await context.device.settle();
    trainable.destroy();
    frozen.destroy();

    const base = sprigFolder();
    const chunks: Uint8Array[] = [];
    for await (const chunk of mergedWeights(model.definition, await openWeights(base), data))
      chunks.push(chunk);
    const weights = memoryFiles({ 'model.safetensors': concatBytes(chunks) });
    const merged = await LanguageModel.load(
      context.device,
      overlaid(await mergedFolder(base, data, model.definition), weights),
      { precision: 'f32' },
    );
    expect(worstError(await merged.logits(ids), expected)).toBeLessThan(1e-3);
    await context.device.settle();
    await merged.destroy();
  });

  test.each([false, true])('loss and gradients are PEFT’s, checkpointing: %s', async (checkpointing) => {
    const adapter = new Adapter(context.device, data.modules, data.tensors, { trainable: true });
    const { floats } = await readTensors(file(at('gradients-loha.safetensors')));
    const trainable = { model, adapter, store: adapter.store };
    const given = rows.slice(0, numbers.gradients.rows);
    const { loss, gradients } = await computeGradients(trainable, given, { checkpointing });
    expect(Math.abs(loss - numbers.gradients.loss)).toBeLessThan(1e-5);
    expect([...gradients.keys()].sort()).toEqual([...floats.keys()].sort());
    for (const [name, values] of floats)
      expect(worstError(gradients.get(name)!, values), name).toBeLessThan(1e-4);
    await context.device.settle();
    adapter.destroy();
  });

  test('20 steps are PEFT’s', async () => {
    const { batch, accumulate, steps, lr, schedule, warmup, weight_decay, clip } = numbers.curve;
    const adapter = new Adapter(context.device, data.modules, data.tensors, { trainable: true });
    const told: StepEvent[] = [];
    const trainer = await Trainer.create({
      trainable: { model, adapter, store: adapter.store },
      options: {
        ...defaultSpec('loha'),
        ...{ steps, batch, accumulate, lr, schedule, warmup, clip, weightDecay: weight_decay },
        maxLength: 64,
        shuffle: false,
      },
      rows,
      onEvent: (event) => event.type === 'step' && told.push(event),
    });
    expect(await trainer.run()).toBe('done');
    const curve = lines<Step>('curve-loha.jsonl');
    expect(told).toHaveLength(curve.length);
    curve.forEach((step, i) => {
      expect(Math.abs(told[i].lr - step.lr)).toBeLessThan(1e-9);
      expect(Math.abs(told[i].loss - step.loss), `loss of step ${i + 1}`).toBeLessThan(1e-4);
      expect(Math.abs(told[i].gradNorm / step.grad_norm - 1), `norm of step ${i + 1}`).toBeLessThan(1e-3);
    });
    await trainer.destroy();
    adapter.destroy();
  });

  test('starts a new adapter as PEFT does, and changes nothing', async () => {
    const config = adapterConfigOf(specOf({ method: 'loha', rank: 4, targets: ['q_proj'] }));
    const modules = adapterModules(model.definition, config);
    const tensors = initialTensors(modules, 1);
    for (const [name, values] of tensors) {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const bound = name.endsWith('w2_b') ? 0 : 1 / Math.sqrt(name.endsWith('_a') ? 4 : modules[0].inputs);
      expect(largest).toBeLessThanOrEqual(bound);
      expect(largest).toBeGreaterThanOrEqual(bound * 0.9);
    }
    const adapter = new Adapter(context.device, modules, tensors, { trainable: false });
    expect(worstError(await model.logits(ids, adapter), await model.logits(ids))).toBe(0);
    await context.device.settle();
    adapter.destroy();
  });

  test('layers that lie the other way round are refused, since PEFT could not load them', async () => {
    const { definition } = model;
    const turned = {
      ...definition,
      linears: definition.linears.map((one) => ({ ...one, transposed: true })),
    };
    const config = adapterConfigOf(specOf({ method: 'loha' }));
    const { what } = await graftError(() => adapterModules(turned, config), 'lora-config');
    expect(what).toContain('PEFT has no LoHa');
  });
});
