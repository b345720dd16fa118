/** Sprig as the worker has it open, without weights and GPU: what the reading of data needs of a model. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import type { OpenModel } from '../../../src/worker/model.ts';

const SPRIG = join(import.meta.dirname, '../../../public/models/sprig');
const NAMES = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json'];

export async function openSprig(): Promise<OpenModel> {
  const files = NAMES.map((name) => [name, new Uint8Array(readFileSync(join(SPRIG, name)))] as const);
  return {
    tokenizer: await loadTokenizer(memoryFiles(Object.fromEntries(files))),
    info: { name: 'sprig', maxPositions: 512, vocabulary: 1024, precision: 'f32' },
    fingerprint: 'abc',
    content: 'abc',
    source: { name: 'sprig', bundled: true },
  } as unknown as OpenModel;
}
