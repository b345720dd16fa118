/** Conversations through the chat template and the loss mask of a real model, against the rows that transformers' tokenizer made. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { modelOf } from '../../../src/cli/files.ts';
import { readExamples } from '../../../src/data/formats.ts';
import { prepareRows } from '../../../src/data/prepare.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { sharedJsonl, sharedPath } from '../../shared.ts';
import { describeSmolLM2, SMOLLM2, SMOLLM2_GGUF } from '../../smollm2.ts';

const REFERENCE = ['reference', 'SmolLM2-135M-Instruct'];

describeSmolLM2('the rows of 41 conversations', () => {
  it.each([
    ['the GGUF file alone', SMOLLM2_GGUF],
    ['the folder', SMOLLM2],
  ])('are the same from %s', async (_, path) => {
    const tokenizer = await loadTokenizer(await modelOf(path));
    const { examples } = readExamples(readFileSync(sharedPath(...REFERENCE, 'messages.jsonl')), {
      fileName: 'messages.jsonl',
    });
    const { rows } = prepareRows(examples, tokenizer, { maxLength: 8192, vocabSize: 49_152 });
    const expected = sharedJsonl<{ ids: number[]; labels: number[] }>(...REFERENCE, 'rows.jsonl');
    expect(expected).toHaveLength(41);
    expect(rows.map(({ ids, labels }) => ({ ids: [...ids], labels: [...labels] }))).toEqual(expected);
  });
});
