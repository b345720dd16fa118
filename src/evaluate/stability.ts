/**
 * Whether hours of work leak memory: training, switching adapters and loading a model, each many times, with the memory in use after each round.
 * Growth from round to round is a leak.
 */
import type { Device } from '../engine/device.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { Generator } from '../model/generator.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { Adapter } from '../adapters/adapter.ts';
import { adapterModules, initialTensors } from '../adapters/registry.ts';
import { greedy } from '../model/sampling.ts';
import { Trainer } from '../train/trainer.ts';
import { defaultSpec } from '../settings/spec.ts';

export interface Footprint {
  /** Bytes of all buffers, by the device's account. */
  readonly gpuBytes: number;
  /** Bytes of JavaScript's heap, after a collection. */
  readonly heapBytes: number;
}

/** Bytes of the JavaScript heap after everything unreachable was collected. */
type MeasureHeap = () => Promise<number>;

const LENGTH = 32;
const PROMPT = [1, 2, 3, 4];

async function footprint(device: Device, heap: MeasureHeap): Promise<Footprint> {
  await device.settle();
  return { gpuBytes: device.allocatedBytes, heapBytes: await heap() };
}

/** Trains an adapter for `rounds` rounds of `steps` steps each. */
export async function trainInRounds(
  model: LanguageModel,
  { rounds, steps }: { rounds: number; steps: number },
  heap: MeasureHeap,
): Promise<Footprint[]> {
  const { device, definition } = model;
  const options = { ...defaultSpec(), batch: 1, steps: rounds * steps, warmup: 0, maxLength: LENGTH };
  const modules = adapterModules(definition, options);
  const adapter = new Adapter(device, modules, initialTensors(modules, 1), { trainable: true });
  const trainer = await Trainer.create({
    trainable: { model, adapter, store: adapter.store },
    options,
    rows: someRows(definition.shape.vocabulary),
  });
  const footprints: Footprint[] = [];
  for (let round = 0; round < rounds; round++) {
    await trainer.run(steps);
    footprints.push(await footprint(device, heap));
  }
  await trainer.destroy();
  adapter.destroy();
  return footprints;
}

/** Switches between the base, an adapter that stays, and one that is loaded and freed each time. */
export async function switchInRounds(
  model: LanguageModel,
  { rounds, switches }: { rounds: number; switches: number },
  heap: MeasureHeap,
): Promise<Footprint[]> {
  const { device, definition } = model;
  const modules = adapterModules(definition, defaultSpec());
  const open = (seed: number): Adapter =>
    new Adapter(device, modules, initialTensors(modules, seed), { trainable: false });
  const generator = new Generator(model, 1, LENGTH);
  const generate = async (adapter?: Adapter): Promise<void> => {
    const options = { maxNewTokens: 2, sampling: greedy, seed: 0, stopIds: [] };
    await generator.generate([PROMPT], { ...options, adapter });
  };
  const resident = open(1);
  const footprints: Footprint[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < switches; i += 3) {
      await generate();
      await generate(resident);
      const guest = open(2 + i);
      await generate(guest);
      await device.settle();
      generator.forget(guest);
      guest.destroy();
    }
    footprints.push(await footprint(device, heap));
  }
  generator.destroy();
  resident.destroy();
  return footprints;
}

/** Loads a model, computes logits, and drops it. Each footprint is measured afterwards. */
export async function reloadInRounds(
  device: Device,
  rounds: number,
  load: () => Promise<LanguageModel>,
  heap: MeasureHeap,
): Promise<Footprint[]> {
  const footprints: Footprint[] = [];
  for (let round = 0; round < rounds; round++) {
    const model = await load();
    await model.logits(PROMPT);
    await model.destroy();
    footprints.push(await footprint(device, heap));
  }
  return footprints;
}

/** Rows of several lengths, so that a run has several plans. */
function someRows(vocabulary: number): LabelledTokens[] {
  return Array.from({ length: 8 }, (_, row) => {
    const ids = Array.from({ length: LENGTH - 2 * row }, (_, t) => (t * 31 + row * 7 + 3) % vocabulary);
    return { ids, labels: ids };
  });
}
