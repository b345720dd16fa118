/** Runs with the defaults of every method that the page offers, on bundled rows of its kind. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { START } from '../../src/app/train/kept-settings.ts';
import { NEEDS } from '../../src/app/train/needs.ts';
import { presetOptions, withChoice } from '../../src/app/train/settings.ts';
import { suggest } from '../../src/settings/defaults.ts';
import { TUNING_METHODS, type TuningMethod } from '../../src/app/train/tuning-methods.ts';
import { withTask } from '../../src/app/data/beside.ts';
import { SPLIT, type RowReading } from '../../src/app/data/source.ts';
import { openData } from '../../src/data/open-data.ts';
import { rowsOf, type RowSet } from '../../src/data/row-set.ts';
import { mappingOf } from '../../src/data/templates/template.ts';
import { TEMPLATES } from '../../src/data/templates/registry.ts';
import type { Device } from '../../src/engine/device.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { makeTrainable } from '../../src/runs/trainable.ts';
import { stateOf } from '../../src/optimisers/optimiser.ts';
import { optimiserOf } from '../../src/optimisers/registry.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { MeasuredLearning } from '../../src/train/learning.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { sprigFolder } from '../engine/sprig.ts';
import { specOf } from '../../src/settings/spec.ts';

const LAYERS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const SPRIG = { parameters: 1_300_000 };

const fileOf = (path: string): { name: string; bytes: Uint8Array<ArrayBuffer> } => ({
  name: path.replace(/.*\//, ''),
  bytes: new Uint8Array(readFileSync(new URL(`../../public/samples/${path}`, import.meta.url))),
});

/** Pairs with the other answer chosen. */
function turned({ name, bytes }: ReturnType<typeof fileOf>): RowReading['source']['file'] {
  const rows = new TextDecoder().decode(bytes).trimEnd().split('\n');
  const lines = rows.map((row) => {
    const { prompt, chosen, rejected } = JSON.parse(row) as Record<string, string>;
    return JSON.stringify({ prompt, chosen: rejected, rejected: chosen });
  });
  return { name, bytes: new TextEncoder().encode(lines.join('\n')) };
}

/** Bundled rows as the page reads them for a method. */
function readingOf({ needs, name }: TuningMethod): RowReading {
  const own = NEEDS[needs].bundled;
  const path = needs === 'tasks' || !own ? 'voice/train.jsonl' : own.path;
  // APO-down is for pairs whose chosen answers are no better than the model's own, so here its own answer is the chosen one.
  const file = name === 'apo-down' ? turned(fileOf(path)) : fileOf(path);
  const reading = { source: { name: path, file }, options: { ...SPLIT, maxLength: 96 } };
  if (needs === 'tasks' && own) return withTask(reading, fileOf(own.path), { task: 'orders' });
  if (needs !== 'template') return reading;
  const classify = TEMPLATES.find(({ name }) => name === 'classify')!;
  const mapping = mappingOf(classify, { text: 'message', label: 'category' });
  return { ...reading, options: { ...reading.options, mapping } };
}

const NOW = {
  due: false,
  pause: () => Promise.resolve(),
  each: <Item>(_: string, items: readonly Item[], work: (item: Item, at: number) => void): Promise<void> => {
    items.forEach(work);
    return Promise.resolve();
  },
};

async function rowsFor(method: TuningMethod): Promise<RowSet> {
  const { source, options } = readingOf(method);
  const model = {
    tokenizer: await loadTokenizer(sprigFolder()),
    content: 'sprig',
    info: { name: 'sprig', maxPositions: 512, vocabulary: 1024 },
  };
  return (await openData(model, source.file, options, source, NOW)).data;
}

/** An adapter to continue from comes from LoRA's own defaults (tests/cpu/stages.test.ts); rewards have their own proof (tests/long/policy-proof.test.ts). */
export const TRIED = TUNING_METHODS.filter(
  ({ needs }) => !['adapter', 'feedback', 'prompts'].includes(needs),
);

export interface Learned {
  readonly before: MeasuredLearning;
  readonly after: MeasuredLearning;
}

/**
 * Trains with the defaults of a method, as a run of the page that begins with a preset.
 *
 * @param share of the run's steps that are made; the rates are those of the whole run
 * @param optimiser another than the usual one
 * @returns measurements on held-out rows, before and after
 */
export async function learnByDefaults(
  device: Device,
  method: TuningMethod,
  share = 1,
  optimiser?: string,
): Promise<Learned> {
  const data = await rowsFor(method);
  const [train, validation] = [rowsOf(data, 'train'), rowsOf(data, 'validation')];
  const fresh = { ...START, ...(optimiser !== undefined && { optimiser }), targets: LAYERS, maxLength: 96 };
  const chosen = withChoice(method.choice, fresh);
  // A preference takes longer to reverse than an answer takes to learn.
  const preset = method.needs === 'pairs' || method.needs === 'unpaired' ? 'balanced' : 'quick';
  // As the form starts a run that answers no prompt as it learns. A part of a run is measured before and after only.
  const options = specOf({
    ...presetOptions(preset, suggest(SPRIG), train.length, chosen),
    sampleEvery: 0,
    ...(share < 1 && { evalEvery: 0 }),
  });
  const model = await LanguageModel.load(device, sprigFolder(), {
    precision: 'f32',
    trainable: options.method === 'full',
    state: stateOf(optimiserOf(options.optimiser)),
  });
  const { trainable, options: settings } = await makeTrainable(model, options, undefined, { rows: train });
  const trainer = await Trainer.create({ trainable, options: settings, rows: train, validation });
  const before = (await trainer.evaluate())!;
  expect(await trainer.run(Math.ceil(share * trainer.steps))).toBe(share < 1 ? 'paused' : 'done');
  const after = (await trainer.evaluate())!;
  await trainer.destroy();
  trainable.adapter?.destroy();
  await model.destroy();
  return { before, after };
}
