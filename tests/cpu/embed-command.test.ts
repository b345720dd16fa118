/** `graft embed` and `graft observe`: their files against transformers' numbers, and what they refuse. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  DEVICE,
  DEVICE_HERE,
  graft,
  graftHere,
  temporaryFolder,
  tensorsOf,
} from '../engine/graft-command.ts';
import { readTensorsOf, referenceFolder, referencePath } from '../engine/reference-file.ts';
import { worstError } from '../engine/run.ts';
import { SPRIG } from '../engine/sprig.ts';
import { toFloat32 } from '../../src/weights/dtypes.ts';

const at = temporaryFolder();
const encoder = (name: string): string => referencePath('encoders', name);

interface Texts {
  texts: { text: string; cut: boolean }[];
}
const textsOf = (name: string): Texts['texts'] =>
  (JSON.parse(readFileSync(referencePath('encoders', name, 'reference.json'), 'utf8')) as Texts).texts;

function writeRows(path: string, texts: readonly string[]): string {
  writeFileSync(path, texts.map((text) => `${JSON.stringify({ text, id: 1 })}\n`).join('\n'));
  return path;
}

async function floatsOf(
  path: string,
  name: string,
): Promise<{ shape: readonly number[]; values: ArrayLike<number> }> {
  const entry = (await tensorsOf(path)).get(name)!;
  return { shape: entry.shape, values: toFloat32(await entry.read(), entry.dtype, name) };
}

test.each(['mean', 'cls'])(
  'writes the vectors of %s in the order of the rows, and reports what was cut',
  async (name) => {
    const texts = textsOf(name);
    const rows = writeRows(
      at('rows.jsonl'),
      texts.map(({ text }) => text),
    );
    const out = at(`${name}.safetensors`);
    const {
      code,
      out: report,
      err,
    } = await graft(['embed', '--model', encoder(name), ...DEVICE, '--data', rows, '--out', out, '--json']);
    expect(code, err).toBe(0);
    const { shape, values } = await floatsOf(out, 'embeddings');
    expect(shape).toEqual([texts.length, 32]);
    const expected = (await readTensorsOf(referenceFolder('encoders', name), 'reference.safetensors')).floats;
    expect(worstError(values, expected.get('embeddings')!)).toBeLessThan(1e-5);
    const cut = texts.filter((text) => text.cut).length;
    expect(JSON.parse(report)).toMatchObject({
      rows: texts.length,
      size: 32,
      cut,
      pooling: name,
      normalise: name === 'mean',
    });
    expect(err.includes('3 texts were cut to 24 tokens')).toBe(name === 'mean');
    expect(err).not.toContain('modules.json');
  },
);

test('in int8 each vector keeps a cosine of 0.99 to transformers’ own, and is not the one in f32', async () => {
  const texts = textsOf('mean');
  const rows = writeRows(
    at('int8.jsonl'),
    texts.map(({ text }) => text),
  );
  const call = ['embed', '--model', encoder('mean'), ...DEVICE_HERE, '--data', rows];
  const { code, err } = await graftHere([
    ...[...call, '--base-weights', 'int8', '--out', at('int8.safetensors')],
  ]);
  expect(code, err).toBe(0);
  const { shape, values } = await floatsOf(at('int8.safetensors'), 'embeddings');
  const [, size] = shape;
  const expected = (
    await readTensorsOf(referenceFolder('encoders', 'mean'), 'reference.safetensors')
  ).floats.get('embeddings')!;
  const cosines = texts.map((_, row) =>
    Array.from({ length: size }, (_, i) => row * size + i).reduce(
      (sum, place) => sum + values[place] * expected[place],
      0,
    ),
  );
  expect(Math.min(...cosines)).toBeGreaterThan(0.99);
  expect(worstError(values, expected)).toBeGreaterThan(1e-4);
});

test('puts a prefix before every text', async () => {
  const call = ['embed', '--model', encoder('mean'), ...DEVICE_HERE];
  const plain = writeRows(at('plain.jsonl'), ['query: The garden']);
  const bare = writeRows(at('bare.jsonl'), ['The garden']);
  await graftHere([...call, '--data', plain, '--out', at('plain.safetensors')]);
  await graftHere([...call, '--data', bare, '--out', at('prefixed.safetensors'), '--prefix', 'query: ']);
  const [a, b] = await Promise.all(
    ['plain', 'prefixed'].map((name) => floatsOf(at(`${name}.safetensors`), 'embeddings')),
  );
  expect(b.values).toEqual(a.values);
});

test('with weights on disk, vectors and logits are the same bytes, and the memory is said', async () => {
  const rows = writeRows(at('offload.jsonl'), ['The garden', 'Peas climb a net.']);
  const llama = referencePath('families', 'llama');
  const calls = {
    vectors: ['embed', '--model', encoder('mean'), ...DEVICE_HERE, '--data', rows],
    logits: ['logits', '--model', llama, ...DEVICE_HERE, '--ids', '5,9,2,7'],
  };
  for (const [name, call] of Object.entries(calls)) {
    const whole = await graftHere([...call, '--out', at(`${name}-whole`)]);
    const part = await graftHere([...call, '--out', at(`${name}-part`), '--disk-offload']);
    expect([whole.code, part.code], part.err).toEqual([0, 0]);
    expect(readFileSync(at(`${name}-part`)).equals(readFileSync(at(`${name}-whole`)))).toBe(true);
    expect(part.err).toMatch(/The device held at most [\d.]+ [kM]B at once\./);
    expect(whole.err).not.toContain('held at most');
  }
});

test('says what it takes where a folder does not say how tokens are pooled, and takes --pooling', async () => {
  cpSync(encoder('cls'), at('bare'), { recursive: true });
  rmSync(at('bare', 'modules.json'));
  const rows = writeRows(
    at('few.jsonl'),
    textsOf('cls').map(({ text }) => text),
  );
  const call = ['embed', '--model', at('bare'), ...DEVICE_HERE, '--data', rows];
  const usual = await graftHere([...call, '--out', at('usual.safetensors'), '--json']);
  expect(usual.err).toContain('bare has no modules.json');
  expect(JSON.parse(usual.out)).toMatchObject({ pooling: 'mean', normalise: true });
  const chosen = await graftHere([...call, '--out', at('chosen.safetensors'), '--json', '--pooling', 'cls']);
  expect(chosen.err).not.toContain('modules.json');
  expect(JSON.parse(chosen.out)).toMatchObject({ pooling: 'cls' });
});

test('refuses other models, other rows and a folder with a piece missing in one sentence', async () => {
  const rows = writeRows(at('one.jsonl'), ['The garden']);
  const call = (model: string, data: string): string[] => [
    'embed',
    '--model',
    model,
    ...DEVICE_HERE,
    '--data',
    data,
    '--out',
    at('no.safetensors'),
  ];
  const decoder = await graftHere(call(SPRIG, rows));
  expect(decoder.code).toBe(1);
  expect(decoder.err).toContain(
    'llama is a language model, which writes texts; embeddings are made by an encoder. Choose a model of one of these: bert.',
  );

  cpSync(encoder('mean'), at('broken'), { recursive: true });
  rmSync(at('broken', '1_Pooling'), { recursive: true });
  const broken = await graftHere(call(at('broken'), rows));
  expect(broken.err).toContain(
    'broken/1_Pooling/config.json, which modules.json names, is not there: how tokens are pooled is not known.',
  );

  writeFileSync(at('bad.jsonl'), '{"text": "fine"}\n\n{"texts": 5}\n');
  expect((await graftHere(call(encoder('mean'), at('bad.jsonl')))).err).toMatch(
    /Line 3 of \S+bad\.jsonl has no text\./,
  );
  writeFileSync(at('none.jsonl'), '\n');
  expect((await graftHere(call(encoder('mean'), at('none.jsonl')))).err).toContain(
    'none.jsonl has no texts.',
  );

  for (const command of [
    ['generate', '--model', encoder('mean'), ...DEVICE_HERE, '--prompt', 'Hi'],
    ['train', '--model', encoder('mean'), ...DEVICE_HERE, '--data', rows, '--out', at('run')],
  ]) {
    const { code, err } = await graftHere(command);
    expect(code).toBe(1);
    expect(err).toContain('bert is an encoder, which makes vectors of texts and cannot write any.');
  }
});

test('observe writes hidden states, attention maps and their gradients', async () => {
  const { floats, integers } = await readTensorsOf(referenceFolder('observe'), 'llama.safetensors');
  const out = at('observed.safetensors');
  const { code, err } = await graftHere([
    ...['observe', '--model', referencePath('families', 'llama'), ...DEVICE_HERE],
    ...[
      '--ids',
      integers.get('ids')!.values.join(','),
      `--labels=${integers.get('labels')!.values.join(',')}`,
    ],
    ...['--names', 'hidden.*,attention.1', '--out', out],
  ]);
  expect(code, err).toBe(0);
  const names = [0, 1, 2, 3].flatMap((layer) => [`hidden.${layer}`, `d hidden.${layer}`]);
  expect([...(await tensorsOf(out)).keys()].sort()).toEqual(['attention.1', ...names].sort());
  for (const name of ['attention.1', ...names])
    expect(worstError((await floatsOf(out, name)).values, floats.get(name)!), name).toBeLessThan(1e-3);
  const wrong = await graftHere([
    'observe',
    '--model',
    SPRIG,
    ...DEVICE_HERE,
    '--ids',
    '1,2',
    '--labels',
    '3',
    '--names',
    'hidden.0',
    '--out',
    at('x.safetensors'),
  ]);
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.err).toContain('--labels needs a whole number for each of the 2 ids.');
});
