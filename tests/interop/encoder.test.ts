/** A tuned encoder, as adapter and merged, loaded by PEFT, transformers and sentence-transformers: they make the vectors that Graft makes. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { folder } from '../../src/cli/files.ts';
import { textIds } from '../../src/text/text-ids.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { DEVICE, floats, graftHere, temporaryFolder, tensorsOf } from '../engine/graft-command.ts';
import { referencePath } from '../engine/reference-file.ts';
import { worstError } from '../engine/run.ts';
import { python } from './ask.ts';

const MODEL = referencePath('encoders', 'mean');
const ROWS = referencePath('encoders', 'contrastive', 'rows.jsonl');
const SCRIPT = fileURLToPath(new URL('encoder.py', import.meta.url));
const SENTENCES = fileURLToPath(new URL('sentence_vectors.py', import.meta.url));
const WINDOW = 24;

describe.skipIf(!python)('A tuned encoder in PEFT and transformers', () => {
  const at = temporaryFolder();
  let byAdapter: number[];
  let byMerged: number[];
  let texts: string[];

  const done = async (...args: string[]): Promise<void> => {
    const { code, err } = await graftHere(args);
    expect(code, err).toBe(0);
  };
  async function embedded(model: string, ...flags: string[]): Promise<Float32Array> {
    const out = at('vectors.safetensors');
    const data = referencePath('encoders', 'contrastive', 'texts.jsonl');
    await done('embed', '--model', model, '--data', data, '--out', out, '--overwrite', ...DEVICE, ...flags);
    return floats((await tensorsOf(out)).get('embeddings'));
  }
  /** Vectors by transformers, of the adapter and of the merged folder. One Python makes both: importing torch takes the longest. */
  function asked(ids: readonly (readonly number[])[]): number[][] {
    const { status, stdout, stderr } = spawnSync(python!, [SCRIPT], {
      ...{ encoding: 'utf8', maxBuffer: 2 ** 26 },
      input: JSON.stringify([
        { model: MODEL, adapter: at('run'), ids },
        { model: at('merged'), ids },
      ]),
    });
    expect(status, stderr).toBe(0);
    return (JSON.parse(stdout) as number[][][]).map((vectors) => vectors.flat());
  }

  beforeAll(async () => {
    const tokenizer = await loadTokenizer(folder(MODEL));
    texts = readFileSync(referencePath('encoders', 'contrastive', 'texts.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { text: string }).text);
    const ids = texts.map((text) => textIds(tokenizer, text, WINDOW).ids);
    const settings = ['--objective', 'contrastive', '--steps', '4', '--batch', '4', '--lr', '0.05'];
    const paths = ['--model', MODEL, '--data', ROWS, '--val-fraction', '0', '--out', at('run')];
    await done('train', ...paths, ...settings, '--targets', 'query,value,dense', ...DEVICE);
    await done('merge', '--model', MODEL, '--adapter', at('run'), '--out', at('merged'));
    [byAdapter, byMerged] = asked(ids);
  });

  test('makes the same vectors from the adapter', async () => {
    const found = await embedded(MODEL, '--adapter', at('run'));
    expect(worstError(found, byAdapter)).toBeLessThan(1e-5);
    expect(worstError(found, await embedded(MODEL))).toBeGreaterThan(1e-2);
  });

  test('makes the same vectors from the merged folder, which pools as the base does', async () => {
    const found = await embedded(at('merged'));
    expect(worstError(found, byMerged)).toBeLessThan(1e-5);
    // Weights of the folder are f16: merging rounds.
    expect(worstError(found, await embedded(MODEL, '--adapter', at('run')))).toBeLessThan(1e-2);
    for (const name of ['modules.json', 'sentence_bert_config.json', '1_Pooling/config.json'])
      expect(readFileSync(at('merged', name), 'utf8')).toBe(
        readFileSync(referencePath('encoders', 'mean', name), 'utf8'),
      );
  });

  test('sentence-transformers reads the merged folder, and makes the same vectors of the texts', async ({
    skip,
  }) => {
    const { status, stdout, stderr } = spawnSync(python!, [SENTENCES], {
      ...{ encoding: 'utf8', maxBuffer: 2 ** 26 },
      input: JSON.stringify({ model: at('merged'), texts }),
      env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1' },
    });
    expect(status, stderr).toBe(0);
    const vectors = JSON.parse(stdout) as number[][] | null;
    skip(vectors === null, 'sentence-transformers is not installed');
    expect(worstError(await embedded(at('merged')), vectors!.flat())).toBeLessThan(1e-4);
  });
});
