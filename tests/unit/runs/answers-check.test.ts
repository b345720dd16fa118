/** What of the answers a model cannot write, before a run. */
import { beforeAll, describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { prepareRows } from '../../../src/data/prepare.ts';
import { newTokensFor } from '../../../src/data/token-cover.ts';
import { unwritableWords, type AnswerRow, type Unwritable } from '../../../src/data/unwritable.ts';
import { tokenizerWithTokens } from '../../../src/export/grown-folder.ts';
import type { ModelDefinition } from '../../../src/model/definition.ts';
import { readModel } from '../../../src/model/family.ts';
import { readOutputRows } from '../../../src/model/output-rows.ts';
import { checkAnswers, trainsHead } from '../../../src/runs/answers-check.ts';
import { newTokens, type NewTokens } from '../../../src/text/added-tokens.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles, readJson, type FileSet } from '../../../src/weights/bytes.ts';
import { float32ToFloat16 } from '../../../src/weights/dtypes.ts';
import { modelFolder, openWeights } from '../../../src/weights/folder.ts';
import { writeSafetensors } from '../../../src/weights/safetensors.ts';
import { describeShared, sharedFolder } from '../../shared.ts';
import { describeSmolLM2, SMOLLM2 } from '../../smollm2.ts';

const sprig = folder('public/models/sprig');
const EMBEDDING = 'model.embed_tokens.weight';
const CHANNELS = 128;
/** Every printable character of ASCII. */
const PRINTABLE = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at));
const ORDINARY = [
  'Once upon a time, there was a little girl named Lily. She loved to play outside in the park.',
  'The cat sat on the mat. "Hello," said Tom, and they were happy.',
];

/** Sprig with one and the same row for these characters, as characters have that no text of the training had. */
async function withUntrained(characters: string): Promise<FileSet> {
  const source = await openWeights(sprig);
  const tokenizer = await loadTokenizer(sprig);
  const tensors = await Promise.all(
    source.names().map(async (name) => {
      const { shape, read } = source.get(name)!;
      return { name, dtype: 'F16' as const, shape, data: new Uint16Array((await read()).slice().buffer) };
    }),
  );
  const table = tensors.find(({ name }) => name === EMBEDDING)!.data;
  for (const [at, character] of [...characters].entries()) {
    const [id] = tokenizer.encode(character);
    // As far apart as those of a run with weight decay.
    for (let c = 0; c < CHANNELS; c++)
      table[id * CHANNELS + c] = float32ToFloat16(Float32Array.of(0.15 + 1e-4 * ((at + c) % 3)))[0];
  }
  const record: Record<string, Uint8Array<ArrayBuffer> | string> = {};
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json'])
    record[name] = JSON.stringify(await readJson(sprig, name));
  const bytes = await new Blob(writeSafetensors(tensors) as BlobPart[]).arrayBuffer();
  return memoryFiles({ ...record, 'model.safetensors': new Uint8Array(bytes) });
}

function rowsOf(answers: readonly string[], tokenizer: Tokenizer): AnswerRow[] {
  return answers.map((completion, at) => {
    const example = { kind: 'completion' as const, prompt: 'Which?', completion, line: at + 1 };
    const { rows } = prepareRows([example], tokenizer, { maxLength: 512 });
    return { example, row: rows[0] };
  });
}

interface Asked {
  readonly files?: FileSet;
  readonly added?: NewTokens;
  readonly head?: boolean;
}

async function check(
  answers: readonly string[],
  { files: given = sprig, added, head = false }: Asked = {},
): Promise<Unwritable | undefined> {
  const files = await modelFolder(given);
  const definition = await readModel(files);
  const tokenizer = added ? await tokenizerWithTokens(added, files) : await loadTokenizer(files);
  return checkAnswers({
    ...{ files, definition, tokenizer, rows: rowsOf(answers, tokenizer), trainsHead: head },
    ...(added && { added }),
  });
}

describe('the bundled model', () => {
  test.each(PRINTABLE)('can write %j', async (character) => {
    expect(await check([`a${character}b`, character.trim() === '' ? 'a' : character])).toBeUndefined();
  });

  test('has a row of its own for every printable character', async () => {
    const tokenizer = await loadTokenizer(sprig);
    const ids = PRINTABLE.map((character) => tokenizer.encode(character)[0]);
    const never = tokenizer.encode('\u00ff')[0];
    const { values, ids: order } = (await readOutputRows(sprig, await readModel(sprig), [...ids, never]))!;
    const row = (id: number): Float32Array =>
      values.subarray(order.indexOf(id) * CHANNELS, (order.indexOf(id) + 1) * CHANNELS);
    const length = (one: Float32Array): number => Math.hypot(...one);
    for (const one of ids)
      for (const two of [...ids, never]) {
        if (one === two) continue;
        const [a, b] = [row(one), row(two)];
        const distance = Math.hypot(...a.map((x, c) => x - b[c]));
        expect(distance / Math.max(length(a), length(b))).toBeGreaterThan(0.2);
      }
  });
});

describe('a model with characters that nothing trained', () => {
  let files: FileSet;
  beforeAll(async () => {
    files = await withUntrained('_#<>/$');
  });

  test('names those that the answers need, the rows, and tokens for them', async () => {
    const found = (await check(['lost_tool', 'lost_plant', 'new_tool', 'yes'], { files }))!;
    expect(found).toEqual({
      missing: [],
      alike: ['_'],
      touched: [true, true, true, false],
      rows: 3,
      of: 4,
      tokens: ['lost_', 'new_tool'],
      left: [],
    });
    expect(unwritableWords(found)).toBe(
      'This model cannot tell _ from other tokens, since nothing trained it. The answers of 3 of 4 rows need it.',
    );
  });

  test('is fine with answers that do without them', async () => {
    expect(await check(['Mia lives in the green cottage.', '{"who":"Mia"}'], { files })).toBeUndefined();
  });

  test('is fine with the offered tokens', async () => {
    const answers = ['<answer>4</answer>', '#### 12', 'lost_tool', '$12'];
    const { tokens } = (await check(answers, { files }))!;
    const added = newTokens(tokens, await loadTokenizer(files));
    expect(await check(answers, { files, added })).toBeUndefined();
  });

  test('is fine in a run that trains the head', async () => {
    expect(await check(['lost_tool'], { files, head: true })).toBeUndefined();
  });

  test('has no new token for a character that stands by itself', async () => {
    const found = await check(['a < b'], { files });
    expect(found).toMatchObject({ alike: ['<'], tokens: [], left: ['<'] });
  });
});

test('names a character that the tokenizer has no token for', async () => {
  const tokenizer = (await readJson(sprig, 'tokenizer.json'))! as {
    model: { vocab: Record<string, number> };
  };
  delete tokenizer.model.vocab['Q'];
  const record: Record<string, string> = { 'tokenizer.json': JSON.stringify(tokenizer) };
  for (const name of ['config.json', 'tokenizer_config.json'])
    record[name] = JSON.stringify(await readJson(sprig, name));
  const files = memoryFiles(record);
  const reader = await loadTokenizer(files);
  const row = rowsOf(['a'], reader)[0];
  const rows = ['Quay', 'Quay', 'no'].map((completion) => ({
    ...row,
    example: { kind: 'completion' as const, prompt: 'Which?', completion, line: 1 },
  }));
  const found = await checkAnswers({
    ...{ files, definition: await readModel(files), tokenizer: reader, rows, trainsHead: false },
  });
  expect(found).toEqual({
    missing: ['Q'],
    alike: [],
    rows: 2,
    of: 3,
    touched: [true, true, false],
    tokens: ['Quay'],
    left: [],
  });
  expect(unwritableWords(found!)).toBe('This model has no token for Q. The answers of 2 of 3 rows need it.');
});

describe('tokens that cover what cannot be written', () => {
  const isSign = (text: string): boolean => text.length === 1;
  test.each([
    [
      ['<answer>4</answer>', '<answer>71</answer>'],
      ['<', '>', '/'],
      ['</answer>', '<answer>'],
    ],
    [['#### 4', '#### 71'], ['#'], ['####']],
    [['$10', '$12', '$25', '$7.5'], ['$'], ['$1', '$7.5', '$25']],
    [['see a_b.', 'and a_b!'], ['_'], ['a_b']],
  ])('%j', (answers, marks, tokens) => {
    expect(newTokensFor(answers, marks, isSign)).toEqual({ tokens, left: [] });
  });

  test('are none for a script that the model does not know', () => {
    const script = Array.from({ length: 40 }, (_, at) => String.fromCodePoint(0x4e00 + at));
    expect(newTokensFor([script.join('')], script, isSign)).toEqual({ tokens: [], left: script });
  });

  test('are found in long texts without a space', () => {
    const answers = Array.from({ length: 300 }, (_, at) => `key${at}_${'x'.repeat(40)}`.repeat(20));
    const { tokens, left } = newTokensFor(answers, ['_'], isSign);
    expect(tokens[0]).toMatch(/^_x+$/);
    expect(left).toEqual([]);
  });

  test('are none that the model has already', () => {
    expect(newTokensFor(['_', 'a_'], ['_'], isSign)).toEqual({ tokens: ['a_'], left: ['_'] });
  });
});

describe('whether a run trains the head', () => {
  let definition: ModelDefinition;
  beforeAll(async () => {
    definition = await readModel(sprig);
  });
  test.each([
    [{ method: 'lora' }, false],
    [{ method: 'lora', modulesToSave: 'embed_tokens' as const }, false],
    [{ method: 'lora', modulesToSave: 'lm_head' as const }, true],
    [{ method: 'full' }, true],
    [{ method: 'full', lastLayers: 2 }, false],
    [{ method: 'full', trainWeights: 'norms' }, false],
  ])('%j: %s', (settings, expected) => {
    expect(trainsHead(definition, settings)).toBe(expected);
  });
});

describeShared('stories260K', () => {
  const files = sharedFolder('models', 'stories260K');

  test('can write ordinary text', async () => {
    expect(await check(ORDINARY, { files })).toBeUndefined();
  });

  test('cannot write signs that none of its stories had', async () => {
    expect(await check(['Lily {sat}.'], { files })).toMatchObject({ alike: ['{', '}'] });
  });
});

describeSmolLM2('SmolLM2', () => {
  test('can write ordinary text and code', async () => {
    const text = `${PRINTABLE.join('')} lost_tool <answer>42</answer> #### 42 $12.50 C:\\x café “naïve”`;
    expect(await check([...ORDINARY, text], { files: folder(SMOLLM2) })).toBeUndefined();
  });
});
