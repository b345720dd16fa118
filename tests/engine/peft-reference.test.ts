/** Parity with transformers and PEFT on the bundled model, by the numbers of tests/reference/peft, which every clone has. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { file, folder } from '../../src/cli/files.ts';
import { mergedFolder } from '../../src/export/grown-folder.ts';
import { mergedWeights } from '../../src/export/merge.ts';
import { overlaid } from '../../src/export/overlaid.ts';
import { portableAdapter, readPeft, writePeft, type AdapterData } from '../../src/export/peft.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import type { LoraConfig } from '../../src/adapters/lora/config.ts';
import { adapterModules } from '../../src/adapters/registry.ts';
import { greedy } from '../../src/model/sampling.ts';
import { makeTrainable } from '../../src/runs/trainable.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { openWeights } from '../../src/weights/folder.ts';
import { concatBytes } from '../../src/weights/safetensors.ts';
import { describeDevice, onCpu } from './adapters.ts';
import { peftFile as at, peftLines as lines, readTensors, type CurveSettings } from './reference-file.ts';
import { worstError } from './run.ts';
import { sprigFolder, voiceRows } from './sprig.ts';
import { defaultSpec, specOf } from '../../src/settings/spec.ts';

const json = <T>(name: string): T => JSON.parse(readFileSync(at(name), 'utf8')) as T;

interface Row {
  ids: number[];
  labels: number[];
}
interface Gradients {
  rows: number;
  loss: number;
  supervised_tokens: number;
}
interface Settings {
  gradients: Gradients;
  kinds: Record<'dora' | 'ia3' | 'prompt' | 'norms', Gradients>;
  curves: Record<
    'lora' | 'dora' | 'pissa' | 'saved' | 'saved-head' | 'prompt' | 'norms' | 'full',
    CurveSettings
  >;
}
interface Step {
  loss: number;
  lr: number;
  grad_norm: number;
  supervised_tokens: number;
}
interface Answer {
  by: 'base' | 'adapter' | 'dora' | 'ia3' | 'prompt' | 'norms';
  prompt: string;
  prompt_ids: number[];
  new_ids: number[];
}

describeDevice('numbers of transformers and PEFT', (context) => {
  const settings = json<Settings>('settings.json');
  const rows = lines<Row>('rows.jsonl');
  let model: LanguageModel;
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    tokenizer = await loadTokenizer(sprigFolder());
  });
  afterAll(() => model.destroy());

  const openAdapter = async (trainable: boolean, name = 'adapter'): Promise<Adapter> => {
    const { modules, tensors } = await readPeft(folder(at(name)), model.definition);
    return new Adapter(context.device, modules, tensors, { trainable });
  };

  test('rows and their loss mask', () => {
    const made = voiceRows(tokenizer, rows.length);
    expect(made.map(({ ids, labels }) => ({ ids: [...ids], labels: [...labels] }))).toEqual(rows);
  });

  test('logits of the base and of the adapter', async () => {
    const { floats, integers } = await readTensors(file(at('logits.safetensors')));
    const ids = integers.get('ids')!.values;
    const adapter = await openAdapter(false);
    expect(worstError(await model.logits(ids), floats.get('base')!)).toBeLessThan(1e-5);
    expect(worstError(await model.logits(ids, adapter), floats.get('adapter')!)).toBeLessThan(1e-5);
    await context.device.settle();
    adapter.destroy();
  });

  test.each(['dora', 'ia3', 'prompt', 'norms'] as const)('logits, loss and gradients of %s', async (name) => {
    const { floats, integers } = await readTensors(file(at('logits.safetensors')));
    const adapter = await openAdapter(true, name);
    const logits = await model.logits(integers.get('ids')!.values, adapter);
    expect(worstError(logits, floats.get(name)!)).toBeLessThan(1e-5);
    const expected = (await readTensors(file(at(`gradients-${name}.safetensors`)))).floats;
    const { rows: count, loss: expectedLoss } = settings.kinds[name];
    for (const checkpointing of [false, true]) {
      const trainable = { model, adapter, store: adapter.store };
      const { loss, gradients } = await computeGradients(trainable, rows.slice(0, count), { checkpointing });
      expect(Math.abs(loss - expectedLoss)).toBeLessThan(1e-5);
      expect([...gradients.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [key, values] of expected)
        expect(worstError(gradients.get(key)!, values), key).toBeLessThan(1e-4);
    }
    await context.device.settle();
    adapter.destroy();
  });

  test('loss and gradients of the adapter', async () => {
    const adapter = await openAdapter(true);
    const { floats } = await readTensors(file(at('gradients.safetensors')));
    const trainable = { model, adapter, store: adapter.store };
    const { loss, gradients } = await computeGradients(trainable, rows.slice(0, settings.gradients.rows));
    expect(Math.abs(loss - settings.gradients.loss)).toBeLessThan(1e-5);
    expect([...gradients.keys()].sort()).toEqual([...floats.keys()].sort());
    for (const [name, expected] of floats)
      expect(worstError(gradients.get(name)!, expected), name).toBeLessThan(1e-4);
    await context.device.settle();
    adapter.destroy();
  });

  onCpu(test).each(['lora', 'dora', 'prompt', 'norms', 'full'] as const)('20 steps: %s', async (method) => {
    const { batch, accumulate, steps, lr, schedule, warmup, weight_decay, clip } = settings.curves[method];
    const full = method === 'full';
    const trained = full
      ? await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32', trainable: true })
      : model;
    const adapter = full ? undefined : await openAdapter(true, method === 'lora' ? 'adapter' : method);
    const told: StepEvent[] = [];
    const trainer = await Trainer.create({
      trainable: { model: trained, adapter, store: adapter?.store ?? trained.parameters! },
      options: {
        ...defaultSpec(method),
        ...{ steps, batch, accumulate, lr, schedule, warmup, clip, weightDecay: weight_decay },
        maxLength: 64,
        shuffle: false,
        ...(adapter?.virtualTokens && { virtualTokens: adapter.virtualTokens }),
      },
      rows,
      onEvent: (event) => event.type === 'step' && told.push(event),
    });
    expect(await trainer.run()).toBe('done');
    expectCurve(told, method);
    await trainer.destroy();
    adapter?.destroy();
    if (full) await trained.destroy();
  });

  onCpu(test)('20 steps of PiSSA from its start, and what is kept of it', async () => {
    const { lr, schedule, warmup, weight_decay, clip, ...sizes } = settings.curves.pissa;
    const targets = ['q_proj', 'v_proj', 'down_proj'];
    const { trainable, adapter, options } = await makeTrainable(
      model,
      specOf({ ...sizes, method: 'pissa', rank: 4, alpha: 8, targets, lr, schedule, warmup, clip }),
    );
    const told: StepEvent[] = [];
    const trainer = await Trainer.create({
      trainable,
      options: { ...options, weightDecay: weight_decay, maxLength: 64, shuffle: false },
      rows,
      onEvent: (event) => event.type === 'step' && told.push(event),
    });
    expect(await trainer.run()).toBe('done');
    expectCurve(told, 'pissa');
    const kept = portableAdapter({ ...adapter!, tensors: await trainer.result() });
    await trainer.destroy();
    trainable.adapter!.destroy();
    const converted = new Adapter(context.device, kept.modules, kept.tensors, { trainable: false });
    await expectTrained(converted, 'pissa');
    converted.destroy();
  });

  onCpu(test).each([
    ['saved', 'embed_tokens'],
    ['saved-head', 'both'],
  ] as const)('20 steps with modules that are trained as a whole: %s', async (name, modulesToSave) => {
    const start = await readPeft(folder(at('adapter')), model.definition);
    const config = { ...(start.config as LoraConfig), modulesToSave };
    const modules = adapterModules(model.definition, config);
    const { lr, schedule, warmup, weight_decay, clip, ...sizes } = settings.curves[name];
    const { trainable, adapter } = await makeTrainable(model, specOf({}), {
      ...{ config, modules, tensors: start.tensors },
    });
    const told: StepEvent[] = [];
    const trainer = await Trainer.create({
      trainable,
      options: {
        ...specOf({
          ...sizes,
          method: 'lora',
          lr,
          schedule,
          warmup,
          clip,
          weightDecay: weight_decay,
        }),
        ...{ maxLength: 64, shuffle: false },
      },
      rows,
      onEvent: (event) => event.type === 'step' && told.push(event),
    });
    expect(await trainer.run()).toBe('done');
    expectCurve(told, name);
    const data = { ...adapter!, tensors: await trainer.result() };
    await trainer.destroy();
    trainable.adapter!.destroy();
    const read = await readPeft(
      memoryFiles(writePeft(data, { baseModel: 'sprig' }), 'saved'),
      model.definition,
    );
    expect(read.modules).toEqual(data.modules);
    const again = await Adapter.frozen(model, read.modules, read.tensors);
    await expectTrained(again, name);
    again.destroy();
    // The base has one weight for both: merged, there are two.
    const merged = await mergedModel(read);
    expect(merged.definition.shape.head).toBe('lm_head.weight');
    await expectTrained(undefined, name, merged);
    await merged.destroy();
  });

  /** The logits of the last token after training are PEFT's. */
  async function expectTrained(
    adapter: Adapter | undefined,
    name: 'pissa' | 'saved' | 'saved-head',
    by = model,
  ): Promise<void> {
    const { integers } = await readTensors(file(at('logits.safetensors')));
    const { floats } = await readTensors(file(at('logits-trained.safetensors')));
    const logits = await by.logits(integers.get('ids')!.values, adapter);
    const { vocabulary } = model.definition.shape;
    expect(worstError(logits.slice(-vocabulary), floats.get(name)!)).toBeLessThan(1e-3);
    await context.device.settle();
  }

  async function mergedModel(adapter: AdapterData): Promise<LanguageModel> {
    const base = sprigFolder();
    const chunks: Uint8Array[] = [];
    for await (const chunk of mergedWeights(model.definition, await openWeights(base), adapter))
      chunks.push(chunk);
    const weights = memoryFiles({ 'model.safetensors': concatBytes(chunks) });
    const files = overlaid(await mergedFolder(base, adapter, model.definition), weights);
    return LanguageModel.load(context.device, files, { precision: 'f32' });
  }

  function expectCurve(told: readonly StepEvent[], name: string): void {
    const expected = lines<Step>(`curve-${name}.jsonl`);
    expect(told).toHaveLength(expected.length);
    expected.forEach((step, i) => {
      expect(told[i].supervisedTokens).toBe(step.supervised_tokens);
      expect(Math.abs(told[i].lr - step.lr)).toBeLessThan(1e-9);
      expect(Math.abs(told[i].loss - step.loss), `loss of step ${i + 1}`).toBeLessThan(1e-4);
      expect(Math.abs(told[i].gradNorm / step.grad_norm - 1), `norm of step ${i + 1}`).toBeLessThan(1e-3);
    });
  }

  test('greedy answers of the base and of the adapters', async () => {
    const answers = json<Answer[]>('greedy.json');
    const adapters = new Map<string, Adapter>();
    for (const name of ['adapter', 'dora', 'ia3', 'prompt', 'norms']) {
      const { modules, tensors } = await readPeft(folder(at(name)), model.definition);
      adapters.set(name, await Adapter.frozen(model, modules, tensors));
    }
    const generator = new Generator(model, 1, 96);
    for (const { by, prompt, prompt_ids, new_ids } of answers) {
      const ended = new_ids.at(-1) === tokenizer.eosIds[0];
      const [{ ids }] = await generator.generate([prompt_ids], {
        maxNewTokens: new_ids.length,
        sampling: greedy,
        seed: 0,
        stopIds: tokenizer.eosIds,
        adapter: adapters.get(by),
      });
      expect(ids, `${by}: ${prompt}`).toEqual(ended ? new_ids.slice(0, -1) : new_ids);
    }
    await context.device.settle();
    generator.destroy();
    for (const adapter of adapters.values()) adapter.destroy();
  });
});
