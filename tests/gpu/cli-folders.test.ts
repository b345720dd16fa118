/** No command removes or overwrites what Graft did not write, in whatever folder it is pointed at. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { LIST } from '../../src/cli/own-files.ts';
import {
  DEVICE_HERE,
  graftHere,
  metricsOf,
  numbers,
  temporaryFolder,
  VOICE,
} from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const TRAIN = [
  ...['train', '--model', SPRIG, '--data', VOICE, '--batch', '1', '--rank', '2', '--targets', 'q_proj'],
  ...['--max-length', '48', '--seed', '5', '--steps', '4'],
];
const FULL = ['train', '--model', SPRIG, '--data', VOICE, '--method', 'full', '--steps', '1'];
const RESULT = [
  'README.md',
  'adapter_config.json',
  'adapter_model.safetensors',
  LIST,
  'lineage.json',
  'metrics.jsonl',
  'run-state.json',
  'run-state.safetensors',
];

/** A new folder with files of a person. */
function folderOf(...names: string[]): string {
  const out = mkdtempSync(at('folder-'));
  for (const name of names) {
    mkdirSync(join(out, name, '..'), { recursive: true });
    writeFileSync(join(out, name), `mine: ${name}`);
  }
  return out;
}

function expectThere(out: string, names: readonly string[]): void {
  for (const name of names) expect(readFileSync(join(out, name), 'utf8'), name).toBe(`mine: ${name}`);
}

beforeAll(async () => {
  const { code, err } = await graftHere([...TRAIN, '--out', at('adapter'), ...DEVICE_HERE]);
  expect(code, err).toBe(0);
});

test('a result lists what was written', () => {
  expect(readdirSync(at('adapter')).sort()).toEqual([...RESULT].sort());
  const { files } = JSON.parse(readFileSync(at('adapter', LIST), 'utf8')) as { files: string[] };
  expect(RESULT.filter((name) => name !== LIST && !files.includes(name))).toEqual([]);
});

describe('a folder of another program', () => {
  const OTHERS = ['config.json', 'tokenizer.json', 'vocab.json', 'notes.txt', 'state.txt'];

  test('is not taken for a run of Graft because of its metrics.jsonl, and loses nothing else', async () => {
    const out = folderOf('metrics.jsonl', ...OTHERS);
    const refused = await graftHere([...TRAIN, '--out', out, ...DEVICE_HERE]);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/^graft: \S+ holds config\.json, which Graft did not write/m);
    expectThere(out, ['metrics.jsonl', ...OTHERS]);
    const asked = await graftHere([...TRAIN, '--out', out, '--overwrite', ...DEVICE_HERE]);
    expect(asked.code, asked.err).toBe(0);
    expectThere(out, OTHERS);
    expect(readdirSync(out).sort()).toEqual([...OTHERS, ...RESULT].sort());
    // Neither does the next run there.
    const again = await graftHere([...TRAIN, '--out', out, '--overwrite', ...DEVICE_HERE]);
    expect(again.code, again.err).toBe(0);
    expectThere(out, OTHERS);
  });

  const adapter = (): string[] => ['--model', SPRIG, '--adapter', at('adapter')];
  test.each<[string, readonly string[], () => readonly string[]]>([
    ['train', ['metrics.jsonl'], () => TRAIN],
    ['train', ['state/thesis.txt'], () => [...TRAIN, '--overwrite']],
    ['train', ['state.old/thesis.txt'], () => [...TRAIN, '--overwrite']],
    ['train', ['model.safetensors'], () => [...TRAIN, '--overwrite']],
    ['train all weights', ['model.safetensors'], () => [...FULL, '--overwrite']],
    ['train', ['README.md'], () => TRAIN],
    ['merge', ['config.json'], () => ['merge', ...adapter()]],
    ['merge', ['model-00001-of-00002.safetensors'], () => ['merge', ...adapter(), '--overwrite']],
    ['export', ['adapters.safetensors'], () => ['export', ...adapter(), '--format', 'mlx']],
    ['export', ['model.safetensors'], () => ['export', ...adapter(), '--format', 'mlx', '--overwrite']],
    ['evaluate', ['report.json'], () => ['evaluate', '--model', SPRIG, '--data', VOICE, '--split', 'all']],
    ['demo', ['README.md'], () => ['demo']],
  ])('is refused by %s: %s', async (_, names, call) => {
    const out = folderOf(...names);
    const { code, err } = await graftHere([...call(), '--out', out]);
    expect(err).toMatch(/^graft: .*(did not write|holds an evaluation|is where Graft keeps)/m);
    expect(code).toBe(1);
    expectThere(out, names);
    expect(readdirSync(out)).toHaveLength(1);
  });

  test('keeps the files that the merge does not write if it is merged into on request', async () => {
    const out = folderOf('vocab.json', 'notes.txt', 'config.json', 'config.json.part');
    const { code, err } = await graftHere(['merge', ...adapter(), '--out', out, '--overwrite']);
    expect(code, err).toBe(0);
    expectThere(out, ['vocab.json', 'notes.txt', 'config.json.part']);
    expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))).toBeTypeOf('object');
  });
});

describe('a run that an earlier version began', () => {
  const LONG = [...TRAIN, '--steps', '6', ...DEVICE_HERE];
  const interrupted = async (out: string): Promise<void> => {
    const { code, err } = await graftHere([...LONG, '--pause-after', '2', '--out', out]);
    expect(code, err).toBe(0);
    // It listed nothing, and wrote where a run is from only with its result.
    for (const name of [LIST, 'lineage.json']) rmSync(join(out, name));
  };

  test('is resumed in its folder, and its result is listed', async () => {
    const out = at('earlier');
    await interrupted(out);
    writeFileSync(join(out, 'notes.txt'), 'mine: notes.txt');
    const resumed = await graftHere([...LONG, '--out', out, '--resume', out]);
    expect(resumed.code, resumed.err).toBe(0);
    expect(readdirSync(out).sort()).toEqual([...RESULT, 'notes.txt'].sort());
    expectThere(out, ['notes.txt']);
    expect(numbers(metricsOf(out)).map(({ step }) => step)).toEqual(
      Array.from({ length: 6 }, (_, i) => i + 1),
    );
    const anew = await graftHere([...TRAIN, '--out', out, '--overwrite', ...DEVICE_HERE]);
    expect(anew.code, anew.err).toBe(0);
    expect(readdirSync(out).sort()).toEqual([...RESULT, 'notes.txt'].sort());
  });

  test('does not replace files of a result that it did not list, unless it may', async () => {
    const out = at('earlier-result');
    await interrupted(out);
    writeFileSync(join(out, 'README.md'), 'mine: README.md');
    const call = [...LONG, '--resume', out];
    const refused = await graftHere(call);
    expect(refused.err).toMatch(/^graft: \S+ holds README\.md, which Graft did not write/m);
    expectThere(out, ['README.md']);
    const asked = await graftHere([...call, '--overwrite']);
    expect(asked.code, asked.err).toBe(0);
    expect(asked.err).toContain('Resumed after step');
  });
});

describe('a single file', () => {
  const calls: readonly (readonly [string, string, () => readonly string[]])[] = [
    ['logits', '--out', () => ['logits', '--model', SPRIG, '--ids', '1,2', ...DEVICE_HERE]],
    [
      'gradients',
      '--out',
      () => ['gradients', '--model', SPRIG, '--data', VOICE, '--rows', '1', ...DEVICE_HERE],
    ],
    ['plan', '--json', () => ['plan', '--model', SPRIG]],
  ];
  test.each(calls)('is replaced by %s only on request', async (_, flag, call) => {
    const out = folderOf('file', 'file.part');
    const file = join(out, 'file');
    const refused = await graftHere([...call(), flag, file]);
    expect(refused.err).toMatch(/^graft: \S+ \S+ is there already\..*--overwrite/m);
    expect(refused.code).toBe(1);
    expectThere(out, ['file', 'file.part']);
    const asked = await graftHere([...call(), flag, file, '--overwrite']);
    expect(asked.code, asked.err).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toBe('mine: file');
    expectThere(out, ['file.part']);
    // A device is not replaced by a file, which the rename of root would do.
    symlinkSync('/dev/null', join(out, 'device'));
    const device = await graftHere([...call(), flag, join(out, 'device'), '--overwrite']);
    expect(device.err).toMatch(/^graft: \S+ \S+ is not a file\./m);
  });
});
