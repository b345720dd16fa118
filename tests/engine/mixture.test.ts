/** A mixture of experts in a run: its curve, its memory, both layouts of folders, experts in blocks and in shards, and what is refused. */
import { expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';
import { adapterModules } from '../../src/adapters/registry.ts';
import { QuantisedTensor } from '../../src/engine/quantised.ts';
import { shardsOf } from '../../src/engine/shards.ts';
import { onnxModel } from '../../src/export/onnx/model.ts';
import { mergedTensors, mergedWeights } from '../../src/export/merge.ts';
import { readPeft, refuseBeside, writePeft } from '../../src/export/peft.ts';
import { activeParametersOf, parametersOf } from '../../src/model/definition.ts';
import { readModel } from '../../src/model/family.ts';
import { openModelWeights } from '../../src/model/folder-layout.ts';
import { countSupervised, type LabelledTokens } from '../../src/model/batch.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { defaultSpec, specOf, type RunSpec } from '../../src/settings/spec.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles, type FileSet } from '../../src/weights/bytes.ts';
import { concatBytes, writeSafetensors } from '../../src/weights/safetensors.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeOnCpu } from './adapters.ts';
import { expectEqual, measure } from './planned-run.ts';
import { readJsonOf, readTensorsOf, referenceFolder } from './reference-file.ts';
import { worstError } from './run.ts';

const folder = (...parts: string[]): FileSet => referenceFolder('families', 'olmoe', ...parts);
/** The largest difference, as a share of the largest number: only the order of sums differs. */
const CLOSE = 1e-5;
const TARGETS = ['all-linear', 'mlp.gate', 'experts.gate_up_proj', 'experts.down_proj'];

/** A folder with other weights. */
async function withWeights(bytes: Uint8Array<ArrayBuffer>): Promise<FileSet> {
  const config = await (await folder().open('config.json'))!.read(
    0,
    (await folder().open('config.json'))!.size,
  );
  return memoryFiles({ 'config.json': config, 'model.safetensors': bytes }, 'mixture');
}

async function rowsOfReference(): Promise<{ ids: number[]; labels: number[] }[]> {
  const { integers } = await readTensorsOf(folder(), 'reference.safetensors');
  const [ids, labels] = ['ids', 'labels'].map((name) => integers.get(name)!.values);
  return [0, 24].map((start) => ({
    ids: ids.slice(start, start + 24),
    labels: labels.slice(start, start + 24),
  }));
}

/** Rows of the reference's tokens that begin alike. */
async function rowsOfLengths(lengths: readonly number[]): Promise<LabelledTokens[]> {
  const [{ ids }, other] = await rowsOfReference();
  return lengths.map((length, at) => {
    const row = [...ids.slice(0, 4), ...[...other.ids, ...ids].slice(5 * at, 5 * at + length - 4)];
    return { ids: row, labels: row.map((id, t) => (t < length / 2 ? -100 : id)) };
  });
}

describeOnCpu('A mixture of experts', (context) => {
  test('five steps of LoRA on attention, routers and experts, as transformers and PEFT take them', async () => {
    const { device } = context;
    const model = await LanguageModel.load(device, folder(), { precision: 'f32' });
    const { modules, tensors } = await readPeft(folder('adapter'), model.definition);
    const adapter = new Adapter(device, modules, tensors, { trainable: true });
    const { lr, losses } = await readJsonOf<{ lr: number; losses: number[] }>(folder(), 'curve.json');
    const steps: StepEvent[] = [];
    const trainer = await Trainer.create({
      trainable: { model, adapter, store: adapter.store },
      options: {
        ...defaultSpec(),
        ...{ steps: 5, batch: 2, warmup: 0, lr, schedule: 'constant', clip: 0, maxLength: 24 },
      },
      rows: await rowsOfReference(),
      onEvent: (event) => event.type === 'step' && steps.push(event),
    });
    await trainer.run();
    expect(steps).toHaveLength(5);
    steps.forEach(({ loss }, i) => expect(Math.abs(loss - losses[i]), `step ${i + 1}`).toBeLessThan(1e-4));
    await trainer.destroy();
    adapter.destroy();
    await model.destroy();
  });

  test('rows laid end to end have the loss and gradients of each row by itself', async () => {
    const { device } = context;
    const model = await LanguageModel.load(device, folder(), { precision: 'f32' });
    const { modules, tensors } = await readPeft(folder('adapter'), model.definition);
    const adapter = new Adapter(device, modules, tensors, { trainable: true });
    const gradientsOf = (rows: readonly LabelledTokens[]) =>
      computeGradients({ model, adapter, store: adapter.store }, rows);
    const rows = await rowsOfLengths([24, 9, 17, 5]);
    const together = await gradientsOf(rows);
    const counts = rows.map(countSupervised);
    const all = counts.reduce((sum, count) => sum + count, 0);
    let loss = 0;
    const sums = new Map(
      [...together.gradients].map(([name, { length }]) => [name, new Float64Array(length)]),
    );
    for (const [at, row] of rows.entries()) {
      const single = await gradientsOf([row]);
      loss += (single.loss * counts[at]) / all;
      for (const [name, values] of single.gradients)
        values.forEach((value, i) => (sums.get(name)![i] += (value * counts[at]) / all));
    }
    expect(Math.abs(together.loss - loss)).toBeLessThan(CLOSE * loss);
    for (const [name, values] of together.gradients)
      expect(worstError(values, Float32Array.from(sums.get(name)!)), name).toBeLessThan(CLOSE);
    adapter.destroy();
    await model.destroy();
  });

  test('accumulated, packed and shared rows take the step of one micro-batch', async () => {
    const { device } = context;
    const model = await LanguageModel.load(device, folder(), { precision: 'f32' });
    const { modules, tensors } = await readPeft(folder('adapter'), model.definition);
    const rows = await rowsOfLengths([24, 9, 17, 13]);
    /** What a step changed, and its loss. */
    const stepOf = async (changes: Partial<RunSpec>) => {
      const adapter = new Adapter(device, modules, tensors, { trainable: true });
      const steps: StepEvent[] = [];
      const trainer = await Trainer.create({
        trainable: { model, adapter, store: adapter.store },
        options: specOf({
          ...{ steps: 1, warmup: 0, optimiser: 'sgd', lr: 1, clip: 0, maxLength: 24, sharePrefixes: 'off' },
          ...changes,
        }),
        rows,
        onEvent: (event) => event.type === 'step' && steps.push(event),
      });
      await trainer.run();
      const change = new Map(
        [...(await adapter.read('values'))].map(([name, values]) => [
          name,
          values.map((value, i) => value - tensors.get(name)![i]),
        ]),
      );
      await trainer.destroy();
      adapter.destroy();
      return { ...steps[0], change };
    };
    const plain = await stepOf({ batch: 4 });
    const layouts = [
      { batch: 2, accumulate: 2 },
      { batch: 1, accumulate: 4, packing: true },
      { batch: 4, sharePrefixes: 'auto' },
    ] as const;
    for (const layout of layouts) {
      const { loss, change, computedTokens, tokens } = await stepOf(layout);
      expect(tokens).toBe(plain.tokens);
      if ('sharePrefixes' in layout) expect(computedTokens).toBeLessThan(tokens);
      expect(Math.abs(loss - plain.loss)).toBeLessThan(CLOSE * plain.loss);
      for (const [name, values] of plain.change)
        expect(worstError(change.get(name)!, values), `${name}, ${JSON.stringify(layout)}`).toBeLessThan(
          CLOSE,
        );
    }
    await model.destroy();
  });

  test('a merged adapter, and a folder of fused tensors, have the logits of the parts', async () => {
    const { device } = context;
    const model = await LanguageModel.load(device, folder(), { precision: 'f32' });
    const { definition } = model;
    const source = await openModelWeights(folder(), definition);
    const [{ ids }] = await rowsOfReference();
    const adapterData = await readPeft(folder('adapter'), definition);
    const adapter = new Adapter(device, adapterData.modules, adapterData.tensors, { trainable: false });
    const pieces: Uint8Array[] = [];
    for await (const piece of mergedWeights(definition, source, adapterData)) pieces.push(piece);
    const fused = await Promise.all(
      mergedTensors(definition, source, undefined).map(async ({ name, shape, values }) => ({
        ...{ name, shape, dtype: 'F32' as const },
        data: await values(),
      })),
    );
    const merged = await LanguageModel.load(device, await withWeights(concatBytes(pieces)), {
      precision: 'f32',
    });
    // Rounded to f16, as the base is.
    expect(worstError(await merged.logits(ids), await model.logits(ids, adapter))).toBeLessThan(5e-3);
    const written = await openModelWeights(await withWeights(concatBytes(pieces)), definition);
    expect(written.names().sort()).toEqual(source.names().sort());
    const files = await withWeights(concatBytes(writeSafetensors(fused)));
    const whole = await LanguageModel.load(device, files, { precision: 'f32' });
    expect(await whole.logits(ids)).toEqual(await model.logits(ids));
    for (const one of [merged, whole, model]) await one.destroy();
    adapter.destroy();
  });

  test('experts in blocks and the router as numbers; shards of whole experts', async () => {
    const { device } = context;
    const plain = await LanguageModel.load(device, folder(), { precision: 'f32' });
    const rows = await rowsOfReference();
    const { modules, tensors } = await readPeft(folder('adapter'), plain.definition);
    const lossOf = async (model: LanguageModel): Promise<number> => {
      const adapter = new Adapter(device, modules, tensors, { trainable: true });
      const { loss } = await computeGradients({ model, adapter, store: adapter.store }, rows);
      adapter.destroy();
      return loss;
    };
    const loss = await lossOf(plain);
    const quantised = await LanguageModel.load(device, folder(), {
      precision: 'f32',
      baseWeights: { matrices: 'q8_0' },
    });
    const weight = (name: string) => quantised.weights.find(`model.layers.0.mlp.${name}`);
    expect(weight('experts.gate_up_proj')).toBeInstanceOf(QuantisedTensor);
    expect(weight('gate.weight')).not.toBeInstanceOf(QuantisedTensor);
    expect(Math.abs((await lossOf(quantised)) - loss)).toBeLessThan(2e-2);
    const limits = device.limits as { largestWeight?: number };
    try {
      // Two of six experts [32, 32].
      limits.largestWeight = 2 * 32 * 32 * 4;
      const sharded = await LanguageModel.load(device, folder(), { precision: 'f32' });
      const parts = shardsOf(sharded.weights.find('model.layers.0.mlp.experts.gate_up_proj')!);
      expect(parts.map(({ tensor }) => tensor.shape)).toEqual([2, 2, 2].map((count) => [count, 32, 32]));
      expect(await lossOf(sharded)).toBeCloseTo(loss, 6);
      await sharded.destroy();
    } finally {
      delete limits.largestWeight;
    }
    for (const one of [plain, quantised]) await one.destroy();
  });

  test('all linear layers are those of attention; PEFT’s names of parameters; what is refused', async () => {
    const definition = await readModel(folder());
    const modulesFor = (changes: Readonly<Record<string, unknown>>) =>
      adapterModules(definition, adapterConfigOf(specOf({ ...defaultSpec(), ...changes })));
    expect(new Set(modulesFor({}).map(({ path }) => path.split('.').at(-1)))).toEqual(
      new Set(['q_proj', 'k_proj', 'v_proj', 'o_proj']),
    );
    const data = await readPeft(folder('adapter'), definition);
    const { 'adapter_config.json': bytes } = writePeft(data, { baseModel: 'm' });
    expect(JSON.parse(new TextDecoder().decode(bytes))).toMatchObject({
      target_parameters: ['mlp.gate.weight', 'mlp.experts.gate_up_proj', 'mlp.experts.down_proj'],
    });
    const narrow = modulesFor({ targets: ['experts.gate_up_proj'], layersToTransform: [1] });
    expect(narrow).toMatchObject([{ named: 'model.layers.1.mlp.experts' }]);
    await graftError(() => modulesFor({ targets: TARGETS, dropout: 0.1 }), 'lora-config');
    await graftError(() => modulesFor({ method: 'dora', targets: TARGETS }), 'lora-config');
    await graftError(() => refuseBeside(data, 'adapter'), 'export-format');
    const source = await openModelWeights(folder(), definition);
    const weights = mergedTensors(definition, source, undefined);
    await graftError(() => onnxModel('m', { model: definition, weights }, 'f32'), 'export-format');
    // Two of six experts.
    const [all, ofExperts] = [parametersOf(definition), 2 * 6 * (32 * 32 + 32 * 16)];
    expect(activeParametersOf(definition)).toBe(all - (ofExperts * 4) / 6);
  });
});

describeOnCpu(
  'The memory of a mixture of experts',
  (context) => {
    test('a run takes the memory that was planned, with adapters on experts and in full', async () => {
      expectEqual(await measure(context, folder(), { rank: 4, targets: TARGETS, checkpointing: true }));
      expectEqual(await measure(context, folder(), { method: 'full', optimiser: 'muon', momentum: 0.95 }));
    });
  },
  { own: true },
);
