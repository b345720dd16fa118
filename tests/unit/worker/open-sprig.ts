/** Sprig opened as in the worker, without weights and GPU: enough for reading data. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GpuLowering } from '../../../src/engine/webgpu/lowering.ts';
import { USUAL_GPU } from '../../../src/engine/webgpu/target.ts';
import { parseJson } from '../../../src/json.ts';
import { defineModel } from '../../../src/model/family.ts';
import { AS_STORED } from '../../../src/model/weight-types.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import type { DataFile, DataOptions, OtherFiles } from '../../../src/worker/api.ts';
import { unasked, type DataSet } from '../../../src/worker/data/data.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { openData } from '../../../src/data/open-data.ts';
import { Slices } from '../../../src/worker/slices.ts';

const SPRIG = join(import.meta.dirname, '../../../public/models/sprig');
const NAMES = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json'];

export async function openSprig(): Promise<OpenModel> {
  const files = NAMES.map((name) => [name, new Uint8Array(readFileSync(join(SPRIG, name)))] as const);
  return {
    tokenizer: await loadTokenizer(memoryFiles(Object.fromEntries(files))),
    info: { name: 'sprig', maxPositions: 512, layers: 6, vocabulary: 1024, precision: 'f32' },
    fingerprint: 'abc',
    content: 'abc',
    source: { name: 'sprig', bundled: true },
  } as unknown as OpenModel;
}

/** Sprig, on a GPU that allows buffers of so many bytes: its shape alone, for dry runs. */
export function dryRun(
  sprig: OpenModel,
  largest = USUAL_GPU.limits.maxBufferSize,
  weightChoices = AS_STORED,
  memoryBytes?: number,
): OpenModel {
  const config = readFileSync(join(SPRIG, 'config.json'), 'utf8');
  const limits = {
    ...{ ...USUAL_GPU.limits, maxBufferSize: largest, maxStorageBufferBindingSize: largest },
    ...(memoryBytes !== undefined && { memoryBytes }),
  };
  const target = { ...USUAL_GPU, limits };
  const model = {
    device: { ...target, lowering: new GpuLowering(target) },
    definition: defineModel(parseJson(config, 'config.json') as Record<string, unknown>, 'sprig'),
    dtype: 'f16',
    weightChoices,
  };
  return { ...sprig, model } as unknown as OpenModel;
}

export async function readRows(
  sprig: OpenModel,
  file: DataFile,
  options: DataOptions,
  others?: OtherFiles,
): Promise<DataSet> {
  const slices = new Slices(() => undefined, new AbortController().signal);
  return unasked((await openData(sprig, file, options, others, slices)).data);
}
