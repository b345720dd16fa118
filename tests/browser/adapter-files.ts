/** Adapters for Sprig, made without a GPU. They only have to differ. */
import { zipSync } from 'fflate';
import { writePeft, type Files } from '../../src/export/peft.ts';
import { readModel } from '../../src/model/family.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { Random } from '../../src/random.ts';
import { sprigFolder } from '../engine/sprig.ts';

/** An adapter of random numbers, large enough to change answers. */
export async function sprigAdapter(seed: number, rank = 4): Promise<Files> {
  const config = {
    ...{ rank, alpha: 2 * rank, dropout: 0, rsLora: false },
    ...{ targets: ['q_proj', 'v_proj'], rankPattern: {}, alphaPattern: {} },
  };
  const modules = adapterModules(await readModel(sprigFolder()), config);
  const tensors = initialTensors(modules, seed);
  const random = new Random(seed);
  for (const [name, values] of tensors)
    if (name.includes('lora_B'))
      for (let i = 0; i < values.length; i++) values[i] = 4 * (random.float() - 0.5);
  return writePeft({ config, modules, tensors }, { baseModel: 'sprig' });
}

/** A zip with a folder of their files. */
export const zipOf = (files: Files): Uint8Array =>
  zipSync(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`adapter/${name}`, bytes])));
