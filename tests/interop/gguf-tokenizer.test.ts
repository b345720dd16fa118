/** A model folder that was made from a GGUF file, merged or tuned, in transformers: its tokenizer loads there and gives the same ids. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { modelOf } from '../../src/cli/files.ts';
import { copyCompanions } from '../../src/cli/model-folder.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { describeShared, sharedJson, sharedPath } from '../shared.ts';
import { describeSmolLM2, SMOLLM2_GGUF } from '../smollm2.ts';
import { askPython, python } from './ask.ts';

let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), 'graft-tokenizer-'));
});
afterAll(() => rmSync(out, { recursive: true, force: true }));

async function agrees(name: string, gguf: string): Promise<void> {
  const files = await modelOf(gguf);
  const folder = join(out, name);
  await copyCompanions(files, folder);
  const reference = sharedJson<{ texts: { text: string; with_special: number[] }[] }>(
    'reference',
    'tokenizers',
    `${name}.json`,
  );
  const texts = reference.texts.map(({ text }) => text);
  const [{ encoded: theirs }] = await askPython([{ model: folder, texts }]);
  const ours = await loadTokenizer(files);
  expect(theirs.ids).toEqual(reference.texts.map(({ with_special }) => with_special));
  expect(theirs.decoded).toEqual(texts.map((text) => ours.decode(ours.encode(text))));
  expect(theirs.eos).toBe(ours.eosId);
}

if (python)
  describeShared('transformers', () => {
    test('loads the sentencepiece tokenizer of a GGUF file', () =>
      agrees('stories260K', sharedPath('reference', 'gguf', 'stories260K.Q4_0.gguf')));
  });

if (python)
  describeSmolLM2('transformers', () => {
    test('loads the byte-level tokenizer of a GGUF file', () =>
      agrees('SmolLM2-135M-Instruct', SMOLLM2_GGUF));
  });
