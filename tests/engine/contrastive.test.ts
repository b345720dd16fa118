/**
 * An encoder that is tuned with in-batch negatives, against torch and PEFT (tests/reference/encoders/contrastive.py; of ../shared a real model): rows,
 * loss, gradients, curve and final weights; and the state of such a run.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { folder } from '../../src/cli/files.ts';
import { readExamples } from '../../src/data/formats.ts';
import { prepareRows, type PreparedRow } from '../../src/data/prepare.ts';
import { readPeft, type AdapterData } from '../../src/export/peft.ts';
import { readPooledEncoder } from '../../src/model/encoder.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import type { LabelledTokens } from '../../src/model/batch.ts';
import { readWindow } from '../../src/model/pooling.ts';
import { makeTrainable } from '../../src/runs/trainable.ts';
import { specOf, type RunSpec } from '../../src/settings/spec.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { EvalEvent, StepEvent, TrainEvent } from '../../src/train/events.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { learningOf } from '../../src/train/learning.ts';
import type { NamedArrays, TrainerState } from '../../src/train/state.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { FileSet } from '../../src/weights/bytes.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { fetchMiniLm, MINILM } from '../minilm.ts';
import { describeShared, sharedJson, sharedJsonl, sharedPath } from '../shared.ts';
import { describeDevice, onCpu, type AdapterContext } from './adapters.ts';
import { readJsonOf, readTensors, readTensorsOf, referenceFolder } from './reference-file.ts';
import { worstError } from './run.ts';
import { sprigFolder } from './sprig.ts';

const SPEC = specOf({
  ...{ objective: 'contrastive', temperature: 0.05, method: 'lora', rank: 4, alpha: 8 },
  ...{ targets: ['query', 'value'], schedule: 'constant', warmup: 0, weightDecay: 0, clip: 0 },
  ...{ shuffle: false, maxLength: 256 },
});

/** The rows of a file as an encoder reads them. */
async function rowsOf(files: FileSet, text: string): Promise<PreparedRow[]> {
  const { shape } = await readPooledEncoder(files);
  const { examples, problems } = readExamples(text, { fileName: 'rows.jsonl' });
  expect(problems).toEqual([]);
  const maxLength = await readWindow(files, shape.maxPositions);
  const { rows, report } = prepareRows(examples, await loadTokenizer(files), { maxLength, encodes: true });
  expect(report.failed).toEqual([]);
  return rows;
}

interface Trained {
  readonly steps: readonly StepEvent[];
  readonly evals: readonly EvalEvent[];
  readonly values: NamedArrays;
  readonly state: TrainerState;
}

/** Trains from a start to the end, or for some steps, or on from a state. */
async function train(
  model: LanguageModel,
  rows: readonly PreparedRow[],
  {
    start,
    spec,
    validation = [],
    state,
    pauseAt,
  }: {
    readonly start: AdapterData;
    readonly spec: RunSpec;
    readonly validation?: readonly PreparedRow[];
    readonly state?: TrainerState;
    readonly pauseAt?: number;
  },
): Promise<Trained> {
  const { trainable, options } = await makeTrainable(model, spec, start, { saved: state?.values });
  const events: TrainEvent[] = [];
  const onEvent = (event: TrainEvent): void => void events.push(event);
  const trainer = await Trainer.create({ trainable, options, rows, validation, state, onEvent });
  expect(await trainer.run(pauseAt)).toBe(pauseAt === undefined ? 'done' : 'paused');
  const done = {
    steps: events.filter((event) => event.type === 'step'),
    evals: events.filter((event) => event.type === 'eval'),
    values: new Map(await trainable.adapter!.read()),
    state: await trainer.state(),
  };
  await trainer.destroy();
  trainable.adapter!.destroy();
  return done;
}

const named = (floats: ReadonlyMap<string, Float32Array>, part: string): Map<string, Float32Array> =>
  new Map(
    [...floats].flatMap(([name, values]) =>
      name.startsWith(`${part}.`)
        ? [[`base_model.model.${name.slice(part.length + 1).replace('base_model.model.', '')}`, values]]
        : [],
    ),
  );

/** The largest difference of any tensor, relative to the largest entry of all. */
function worstOfAll(found: NamedArrays, expected: ReadonlyMap<string, Float32Array>): number {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  const names = [...expected.keys()];
  const whole = (of: ReadonlyMap<string, Float32Array>): number[] =>
    names.flatMap((name) => Array.from(of.get(name)!));
  return worstError(whole(found), whole(expected));
}

/** Loads an encoder for the tests of a suite. */
function encoderOf(context: AdapterContext, files: () => FileSet): () => LanguageModel {
  let model: LanguageModel | undefined;
  beforeAll(async () => {
    const definition = await readPooledEncoder(files());
    model = await LanguageModel.load(context.device, files(), { precision: 'f32', definition });
  });
  afterAll(() => model?.destroy());
  return () => model!;
}

async function gradientsOf(model: LanguageModel, start: AdapterData, rows: readonly PreparedRow[]) {
  const adapter = new Adapter(model.device, start.modules, start.tensors, { trainable: true });
  const computed = await computeGradients({ model, adapter, store: adapter.store }, rows, {
    learning: learningOf(SPEC),
  });
  adapter.destroy();
  return computed;
}

describeDevice('Contrastive training', (context) => {
  for (const name of ['mean', 'cls']) {
    describe(`the encoder ${name}`, () => {
      const files = referenceFolder('encoders', name);
      const reference = referenceFolder('encoders', 'contrastive');
      const model = encoderOf(context, () => files);
      let rows: PreparedRow[];
      let start: AdapterData;
      let curves: Record<string, { curve: number[]; held_out: number }>;
      beforeAll(async () => {
        const file = (await reference.open('rows.jsonl'))!;
        rows = await rowsOf(files, new TextDecoder().decode(await file.read(0, file.size)));
        start = await readPeft(
          referenceFolder('encoders', 'contrastive', `start-${name}`),
          model().definition,
        );
        curves = await readJsonOf(reference, 'curve.json');
      });

      test('has the gradients of torch', async () => {
        const { floats } = await readTensorsOf(reference, `${name}.safetensors`);
        const { loss, gradients, report } = await gradientsOf(model(), start, rows.slice(0, 4));
        expect(Math.abs(loss - curves[name].curve[0])).toBeLessThan(1e-5);
        expect(worstOfAll(gradients, named(floats, 'gradient'))).toBeLessThan(1e-4);
        expect(report!['positive_cosine']).toBeLessThanOrEqual(1);
      });

      test('has the curve, the validation and the final weights of torch', async () => {
        const { floats } = await readTensorsOf(reference, `${name}.safetensors`);
        const spec = { ...SPEC, steps: 6, batch: 4, lr: 1e-2, evalEvery: 6 };
        const validation = rows.slice(4);
        const { steps, evals, values } = await train(model(), rows, { start, spec, validation });
        steps.forEach(({ loss }, i) =>
          expect(Math.abs(loss - curves[name].curve[i]), `step ${i + 1}`).toBeLessThan(1e-4),
        );
        expect(steps).toHaveLength(6);
        expect(worstOfAll(values, named(floats, 'end'))).toBeLessThan(1e-3);
        expect(Math.abs(evals[0].loss - curves[name].held_out)).toBeLessThan(1e-4);
      });

      test('continues from its state with the same bits', async () => {
        const spec = { ...SPEC, steps: 4, batch: 3, accumulate: 2, lr: 1e-2, evalEvery: 2, shuffle: true };
        const validation = rows.slice(5);
        const whole = await train(model(), rows, { start, spec, validation });
        const first = await train(model(), rows, { start, spec, validation, pauseAt: 2 });
        const rest = await train(model(), rows, { start, spec, validation, state: first.state });
        const losses = (of: Trained): number[] => of.steps.map(({ loss }) => loss);
        expect([...losses(first), ...losses(rest)]).toEqual(losses(whole));
        expect(rest.values).toEqual(whole.values);
        expect([...first.evals, ...rest.evals].map(({ loss }) => loss)).toEqual(
          whole.evals.map(({ loss }) => loss),
        );
      });
    });
  }

  test('takes a row whose texts together are longer than the positions of the model, and no text that is', async () => {
    const files = referenceFolder('encoders', 'mean');
    const definition = await readPooledEncoder(files);
    const model = await LanguageModel.load(context.device, files, { precision: 'f32', definition });
    const { trainable, options } = await makeTrainable(model, { ...SPEC, steps: 1, batch: 2 });
    const rowOf = (lengths: readonly number[]): LabelledTokens => {
      const ids = lengths.flatMap((length) => Array.from({ length }, (_, t) => 5 + t));
      const starts = lengths.slice(1).map((_, at) => lengths.slice(0, at + 1).reduce((a, b) => a + b));
      return { ids, starts, labels: ids.map(() => -100), texts: true };
    };
    const trainer = await Trainer.create({ trainable, options, rows: [rowOf([9, 60, 64]), rowOf([8, 50])] });
    expect(await trainer.run()).toBe('done');
    await trainer.destroy();
    const tooLong = [rowOf([9, 65]), rowOf([8, 50])];
    await graftError(() => Trainer.create({ trainable, options, rows: tooLong }), 'sequence-length');
    trainable.adapter!.destroy();
    await model.destroy();
  });

  test('refuses a model that writes, rows of another kind, and a single row', async () => {
    const writer = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    const files = referenceFolder('encoders', 'mean');
    const rows = await rowsOf(
      files,
      ['a', 'b'].map((text) => JSON.stringify({ query: text, positive: `the ${text}` })).join('\n'),
    );
    const made = await makeTrainable(writer, specOf({ method: 'lora' }));
    const onWriter = { trainable: made.trainable, options: { ...SPEC, steps: 1, batch: 2 }, rows };
    await graftError(() => Trainer.create(onWriter), 'train-objective');
    made.trainable.adapter!.destroy();
    await writer.destroy();

    const definition = await readPooledEncoder(files);
    const model = await LanguageModel.load(context.device, files, { precision: 'f32', definition });
    const { trainable, options } = await makeTrainable(model, { ...SPEC, steps: 1, batch: 2 });
    await graftError(
      () => Trainer.create({ trainable, options, rows: [{ ids: [2, 9, 3], labels: [-100, 9, 3] }] }),
      'train-objective',
    );
    await graftError(() => Trainer.create({ trainable, options, rows: rows.slice(0, 1) }), 'train-rows');
    await graftError(
      () => Trainer.create({ trainable, options: { ...options, objective: 'sft' }, rows }),
      'train-objective',
    );
    trainable.adapter!.destroy();
    await model.destroy();
  });

  onCpu(describeShared)('all-MiniLM-L6-v2', () => {
    interface Expected {
      tuning: { batches: string[][]; curve: number[] };
      questions: { id: string; relevant?: string[][] }[];
    }
    const files = (): FileSet => folder(MINILM);

    test('has the gradient and the curve of PEFT', async ({ skip }) => {
      const missing = fetchMiniLm();
      skip(missing !== undefined, missing);
      const definition = await readPooledEncoder(files());
      const model = await LanguageModel.load(context.device, files(), { precision: 'f32', definition });
      const { tuning, questions } = sharedJson<Expected>('retrieval', 'expected.json');
      const asked = new Map(
        sharedJsonl<{ id: string; question: string }>('retrieval', 'questions.jsonl').map((one) => [
          one.id,
          one.question,
        ]),
      );
      const chunks = new Map(
        sharedJsonl<{ id: string; text: string }>('retrieval', 'chunks.jsonl').map((one) => [
          one.id,
          one.text,
        ]),
      );
      const firstOf = new Map(questions.map(({ id, relevant }) => [id, relevant?.at(0)?.[0]]));
      const text = tuning.batches
        .flat()
        .map((id) => JSON.stringify({ query: asked.get(id), positive: chunks.get(firstOf.get(id) ?? '') }))
        .join('\n');
      const rows = await rowsOf(files(), text);
      const tensors = (await folder(sharedPath('retrieval')).open('tuning.safetensors'))!;
      const { floats } = await readTensors(tensors);
      const { tensors: _, ...shape } = await shapeOf(model);
      const start = { ...shape, tensors: named(floats, 'start') as AdapterData['tensors'] };
      const { loss, gradients } = await gradientsOf(model, start, rows.slice(0, 8));
      expect(Math.abs(loss - tuning.curve[0])).toBeLessThan(1e-4);
      expect(worstOfAll(gradients, named(floats, 'gradient'))).toBeLessThan(1e-4);

      // As far as each batch has come once. Small encoders go to the end of their curves, with the weights that torch has there.
      const steps = context.webgpu ? 2 : tuning.batches.length;
      const spec = { ...SPEC, steps, batch: 8, lr: 1e-3 };
      const run = await train(model, rows, { start, spec });
      run.steps.forEach((step, i) =>
        expect(Math.abs(step.loss - tuning.curve[i]), `step ${i + 1}`).toBeLessThan(1e-4),
      );
      expect(run.steps).toHaveLength(steps);
      await model.destroy();
    });
  });
});

/** An adapter of the usual shape. */
async function shapeOf(model: LanguageModel): Promise<AdapterData> {
  const { adapter, trainable } = await makeTrainable(model, SPEC);
  const tensors = await trainable.adapter!.read();
  trainable.adapter!.destroy();
  return { ...adapter!, tensors: new Map(tensors) as AdapterData['tensors'] };
}
