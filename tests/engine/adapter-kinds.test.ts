/** Every kind of adapter: it begins as the base, learns, and survives saving and merging, on any base. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { ADAPTER_KINDS, adapterShapes } from '../../src/adapters/registry.ts';
import { rowNormKind } from '../../src/engine/ops/row_norm.ts';
import { Tape } from '../../src/engine/tape.ts';
import { mergedWeights } from '../../src/export/merge.ts';
import { portableAdapter, readPeft, writePeft, type AdapterData } from '../../src/export/peft.ts';
import { batchTensors } from '../../src/model/batch.ts';
import type { PreparedRow } from '../../src/data/prepare.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { adapterShape, makeTrainable } from '../../src/runs/trainable.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { readState, writeState } from '../../src/train/state-files.ts';
import type { TrainerState } from '../../src/train/state.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { openWeights } from '../../src/weights/folder.ts';
import { concatBytes } from '../../src/weights/safetensors.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeOnCpu } from './adapters.ts';
import { worstError } from './run.ts';
import { sprigFolder, voiceRows } from './sprig.ts';
import { checkSpec, specOf, type RunSpec } from '../../src/settings/spec.ts';

/** For tests that are not about how a kind begins: PiSSA and EVA otherwise iterate until many vectors have settled, which takes most of a test. */
const SHORT_BEGINNING: Record<string, Record<string, number>> = {
  pissa: { pissaIterations: 2 },
  eva: { evaTau: 1, rank: 2 },
};

/** Kinds that take each matrix, or its inputs, apart for a while: a wide matrix and a tall one. Others have every matrix. */
const MATRICES: Record<string, { targets: string[] }> = {
  pissa: { targets: ['q_proj', 'down_proj'] },
  eva: { targets: ['q_proj', 'down_proj'] },
};

const IDS = [1, 653, 202, 710, 2, 202, 1, 655, 202, 710, 4, 848, 445, 316];

describeOnCpu('A kind of adapter', (context) => {
  let model: LanguageModel;
  let rows: readonly PreparedRow[];
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    rows = voiceRows(await loadTokenizer(sprigFolder()), 16);
  });
  afterAll(() => model.destroy());

  const optionsOf = (method: string, changes: Record<string, number | string> = {}): RunSpec => {
    const options = specOf({
      ...{ method, steps: 8, batch: 4, maxLength: 96, warmup: 0 },
      ...MATRICES[method],
      ...changes,
    });
    checkSpec(options);
    return options;
  };

  async function logitsOf(on: LanguageModel, adapter: Adapter | undefined): Promise<Float32Array> {
    const logits = await on.logits(IDS, adapter);
    await context.device.settle();
    return logits;
  }

  /** Logits with an adapter of these values. */
  async function logitsWith({ modules, tensors }: AdapterData): Promise<Float32Array> {
    const adapter = new Adapter(context.device, modules, tensors, { trainable: false });
    const logits = await logitsOf(model, adapter);
    adapter.destroy();
    return logits;
  }

  /** Frozen, it gives the same bits, and inference computes no norm of a weight. */
  async function expectFrozen({ modules, tensors }: AdapterData, logits: Float32Array): Promise<void> {
    const frozen = await Adapter.frozen(model, modules, tensors);
    expect(await logitsOf(model, frozen)).toEqual(logits);
    const tape = new Tape(context.device);
    model.forward(tape, batchTensors(tape, { tokens: 4, rows: 4 }), { adapter: frozen });
    expect(tape.operations.filter(({ kind }) => kind === rowNormKind)).toEqual([]);
    await context.device.settle();
    frozen.destroy();
  }

  async function train(
    options: RunSpec,
    start?: AdapterData,
  ): Promise<{ data: AdapterData; losses: number[] }> {
    const { trainable, adapter, options: settings } = await makeTrainable(model, options, start, { rows });
    const losses: number[] = [];
    const trainer = await Trainer.create({
      trainable,
      options: settings,
      rows,
      onEvent: (event) => event.type === 'step' && losses.push((event satisfies StepEvent).loss),
    });
    expect(await trainer.run()).toBe('done');
    const tensors = await trainer.result();
    await trainer.destroy();
    trainable.adapter!.destroy();
    return { data: { ...adapter!, tensors }, losses };
  }

  for (const { name, unmergeable, embed } of ADAPTER_KINDS) {
    test(`${name}: a new one computes what the base does, also in blocks`, async () => {
      // Tokens before a prompt change the logits, whatever they are.
      if (embed) return;
      for (const baseWeights of [undefined, { matrices: 'q8_0' as const }]) {
        const base = baseWeights
          ? await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32', baseWeights })
          : model;
        const { trainable } = await makeTrainable(base, optionsOf(name, SHORT_BEGINNING[name]), undefined, {
          rows,
        });
        expect(worstError(await logitsOf(base, trainable.adapter), await base.logits(IDS))).toBeLessThan(
          1e-5,
        );
        trainable.adapter!.destroy();
        if (base !== model) await base.destroy();
      }
    });

    test(`${name}: learns, with its files and merged the same as in training`, async () => {
      const { data, losses } = await train(optionsOf(name, { dropout: 0.05 }));
      const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
      expect(mean(losses.slice(-4))).toBeLessThan(0.98 * mean(losses.slice(0, 4)));
      const shapes = adapterShapes(data.modules);
      expect([...data.tensors.keys()].sort()).toEqual([...shapes.keys()].sort());

      const kept = portableAdapter(data);
      const logits = await logitsWith(kept);
      // A kind that exists only in training computes the same, in another order.
      const trained = await logitsWith(data);
      if (kept === data) expect(trained).toEqual(logits);
      else expect(worstError(trained, logits)).toBeLessThan(1e-5);
      expect(worstError(logits, await model.logits(IDS))).toBeGreaterThan(1e-3);
      const files = memoryFiles(writePeft(data, { baseModel: 'sprig' }), 'a');
      const again = await readPeft(files, model.definition);
      expect(again.config.kind).toBe(kept.config.kind);
      expect(again.modules).toEqual(kept.modules);
      expect(await logitsWith(again)).toEqual(logits);
      await expectFrozen(again, logits);

      // Continued with the settings of another kind: the adapter's own replace them.
      const other = ADAPTER_KINDS.find((kind) => kind.name !== name)!;
      const more = await train(optionsOf(other.name, { steps: 1, lr: 1e-4 }), again);
      expect(more.data.modules).toEqual(kept.modules);
      expect(more.losses[0]).toBeLessThan(losses[0]);

      const chunks: Uint8Array[] = [];
      const source = await openWeights(sprigFolder());
      if (unmergeable !== undefined) {
        await graftError(() => mergedWeights(model.definition, source, data).next(), 'adapter-merge');
        return;
      }
      for await (const chunk of mergedWeights(model.definition, source, data)) chunks.push(chunk);
      const config = (await sprigFolder().open('config.json'))!;
      const merged = await LanguageModel.load(
        context.device,
        memoryFiles(
          { 'config.json': await config.read(0, config.size), 'model.safetensors': concatBytes(chunks) },
          'merged',
        ),
        { precision: 'f32' },
      );
      // The bundled model is stored in f16: merging rounds its weights once more.
      expect(worstError(await merged.logits(IDS), logits)).toBeLessThan(5e-3);
      await merged.destroy();
    });

    test(`${name}: resumes from its saved state bit for bit`, async () => {
      const options = optionsOf(name, { steps: 4, batch: 2, dropout: 0.05, ...SHORT_BEGINNING[name] });
      const open = async (seed: number, state?: TrainerState) => {
        // Another seed is another start: everything has to come from the state.
        const { trainable } = await makeTrainable(model, { ...options, seed }, undefined, {
          rows,
          saved: state?.values,
        });
        const losses: number[] = [];
        const trainer = await Trainer.create({
          ...{ trainable, options, rows, state },
          onEvent: (event) => event.type === 'step' && losses.push(event.loss),
        });
        const close = async (): Promise<void> => {
          await trainer.destroy();
          trainable.adapter!.destroy();
        };
        return { trainer, losses, close };
      };
      const whole = await open(options.seed);
      expect(await whole.trainer.run()).toBe('done');
      const begun = await open(options.seed);
      expect(await begun.trainer.run(2)).toBe('paused');
      const files = writeState({ state: await begun.trainer.state(), fingerprint: name });
      const resumed = await open(options.seed + 1, (await readState(memoryFiles(files, 'state'))).state);
      expect(await resumed.trainer.run()).toBe('done');
      expect([...begun.losses, ...resumed.losses]).toEqual(whole.losses);
      expect(await resumed.trainer.result()).toEqual(await whole.trainer.result());
      for (const run of [whole, begun, resumed]) await run.close();
    });

    test(`${name}: in half precision and with checkpointing, the losses are nearly those without`, async () => {
      const options = optionsOf(name, { steps: 3, batch: 2, ...SHORT_BEGINNING[name] });
      const plain = await train(options);
      const half = await LanguageModel.load(context.device, sprigFolder(), {
        precision: context.f16 ? 'f16' : 'f32',
      });
      const full = model;
      model = half;
      const { losses } = await train({ ...options, checkpointing: true });
      model = full;
      await half.destroy();
      losses.forEach((loss, i) => expect(Math.abs(loss - plain.losses[i])).toBeLessThan(2e-2));
    });

    test(`${name}: its shape needs no values`, () => {
      const { modules } = adapterShape(model.definition, optionsOf(name));
      const adapter = new Adapter(context.device, modules, undefined, { trainable: false });
      expect([...adapter.sizes.keys()]).toEqual([...adapterShapes(modules).keys()]);
      adapter.destroy();
    });
  }
});
