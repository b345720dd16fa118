/** No command overwrites what it reads, however its path is written. */
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { benchCommand, benchFlags } from '../../../src/cli/bench.ts';
import { demoCommand, demoFlags } from '../../../src/cli/demo.ts';
import { embedCommand, embedFlags } from '../../../src/cli/embed.ts';
import { fetchFlags } from '../../../src/cli/fetch.ts';
import type { FlagSpecs } from '../../../src/cli/flags.ts';
import { generateFlags } from '../../../src/cli/generate.ts';
import { gradientsCommand, gradientsFlags } from '../../../src/cli/gradients.ts';
import { logitsCommand, logitsFlags } from '../../../src/cli/logits.ts';
import { mergeCommand, mergeFlags } from '../../../src/cli/merge.ts';
import { mixCommand, mixFlags } from '../../../src/cli/mix.ts';
import { checkOutput } from '../../../src/cli/output-path.ts';
import { observeCommand, observeFlags } from '../../../src/cli/observe.ts';
import { planCommand, planFlags } from '../../../src/cli/plan.ts';
import { trainCommand } from '../../../src/cli/train.ts';
import { trainFlags } from '../../../src/cli/train-flags.ts';
import { graftError } from '../expect-graft-error.ts';

const root = mkdtempSync(join(tmpdir(), 'graft-output-'));
const at = (...parts: string[]): string => join(root, ...parts);
const SPRIG = resolve('public/models/sprig');
afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeAll(() => {
  for (const folder of ['base', 'adapter', 'blobs', 'data', 'here']) mkdirSync(at(folder));
  for (const name of ['config.json', 'tokenizer.json'])
    writeFileSync(at('base', name), readFileSync(join(SPRIG, name)));
  // As the cache of the hub has it: the weights lie elsewhere.
  writeFileSync(at('blobs', 'abc'), 'weights');
  symlinkSync('../blobs/abc', at('base', 'model.safetensors'));
  writeFileSync(at('adapter', 'adapter_config.json'), '{}');
  writeFileSync(at('data', 'rows.jsonl'), '{"text": "hello"}\n');
  symlinkSync('base', at('link'));
  symlinkSync('base/new', at('dangling'));
  symlinkSync('loop', at('loop'));
});

/** Every file under the folder of the tests, with its bytes. */
function everything(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory()
      ? [path, ...everything(path)]
      : [`${path} ${entry.isFile() ? readFileSync(path, 'utf8') : ''}`];
  });
}

const nothing = (): void => undefined;
const silent = { line: nothing, progress: nothing, result: nothing, clear: nothing };

interface Writer {
  readonly flags: FlagSpecs;
  /** The flag that names what is written; undefined for a command that writes to standard output alone. */
  readonly output?: string;
  readonly run?: (out: string) => Promise<void>;
  /** The sources of the output. */
  readonly sources?: readonly ('base' | 'data' | 'adapter')[];
}

const model = ['--model', at('base')];
const data = ['--data', at('data', 'rows.jsonl')];
const adapter = ['--adapter', at('adapter')];

const WRITERS: Readonly<Record<string, Writer>> = {
  train: {
    flags: trainFlags,
    output: 'out',
    run: (out) => trainCommand([...model, ...data, '--init-adapter', at('adapter'), '--out', out], silent),
    sources: ['base', 'data', 'adapter'],
  },
  'train, all weights': {
    flags: trainFlags,
    output: 'out',
    run: (out) => trainCommand([...model, ...data, '--method', 'full', '--out', out, '--overwrite'], silent),
    sources: ['base', 'data'],
  },
  merge: {
    flags: mergeFlags,
    output: 'out',
    run: (out) => mergeCommand([...model, ...adapter, '--out', out, '--overwrite'], silent),
    sources: ['base', 'adapter'],
  },
  mix: {
    flags: mixFlags,
    output: 'out',
    run: (out) => mixCommand([...model, ...adapter, '--rank', '1', '--out', out, '--overwrite'], silent),
    sources: ['base', 'adapter'],
  },
  logits: {
    flags: logitsFlags,
    output: 'out',
    run: (out) => logitsCommand([...model, ...adapter, '--ids', '1', '--out', out], silent),
    sources: ['base', 'adapter'],
  },
  observe: {
    flags: observeFlags,
    output: 'out',
    run: (out) =>
      observeCommand([...model, ...adapter, '--ids', '1', '--names', 'hidden.0', '--out', out], silent),
    sources: ['base', 'adapter'],
  },
  embed: {
    flags: embedFlags,
    output: 'out',
    run: (out) => embedCommand([...model, ...data, '--out', out], silent),
    sources: ['base', 'data'],
  },
  gradients: {
    flags: gradientsFlags,
    output: 'out',
    run: (out) => gradientsCommand([...model, ...data, ...adapter, '--out', out], silent),
    sources: ['base', 'data', 'adapter'],
  },
  plan: {
    flags: planFlags,
    output: 'json',
    run: (out) => planCommand([...model, '--json', out], silent),
    sources: ['base'],
  },
  // It reads from the hub; files of another model in its folder are refused one by one (fetch.test.ts).
  fetch: { flags: fetchFlags, output: 'to', sources: [] },
  bench: { flags: benchFlags, run: () => benchCommand(['--only', ''], silent) },
  generate: { flags: generateFlags },
};

const PLACES = {
  base: {
    is: () => [at('base'), at('link'), `${relative('.', at('base'))}/`, at('here', '..', 'base')],
    'lies inside': () => [at('base', 'new', 'deep'), at('link', 'config.json'), at('dangling')],
    contains: () => [root, at('blobs')],
  },
  data: {
    is: () => [at('data', 'rows.jsonl'), at('data', '.', 'rows.jsonl')],
    'lies inside': () => [],
    contains: () => [at('data'), root],
  },
  adapter: {
    is: () => [at('adapter'), at('base', '..', 'adapter')],
    'lies inside': () => [at('adapter', 'merged'), at('adapter', 'adapter_config.json')],
    contains: () => [root],
  },
};

const cases = Object.entries(WRITERS).flatMap(([command, { output, run, sources = [] }]) =>
  sources.flatMap((source) =>
    Object.entries(PLACES[source]).flatMap(([how, paths]: [string, () => string[]]) =>
      paths().map((path) => ({ command, output: output!, run: run!, how, path })),
    ),
  ),
);

test.each(cases)('graft $command refuses --$output $path', async ({ output, run, how, path }) => {
  const before = everything();
  const error = await graftError(() => run(path), 'arguments');
  // A folder around everything contains each of its sources: the first is named.
  expect(error.what).toMatch(new RegExp(`^--${output} .* (is|lies inside|contains) .* must stay as it is`));
  if (path !== root) expect(error.what).toContain(` ${how} `);
  expect(everything()).toEqual(before);
});

test('the demo does not overwrite its sources', async () => {
  for (const path of ['public/models/sprig', 'public', 'public/samples/new'])
    await graftError(() => demoCommand(['--out', path], silent), 'arguments');
  expect(existsSync('public/samples/new')).toBe(false);
});

test('every flag that names what is written is in this table', () => {
  const all = { ...WRITERS, demo: { flags: demoFlags, output: 'out' } };
  for (const [command, { flags, output }] of Object.entries(all)) {
    const named = Object.entries<FlagSpecs[string]>(flags).filter(([name]) =>
      ['out', 'to', 'json'].includes(name),
    );
    const writes = named.filter(([, { value }]) => value !== undefined).map(([name]) => name);
    expect(writes, command).toEqual(output === undefined ? [] : [output]);
  }
});

describe('paths are refused by identity', () => {
  const refuses = (out: string, path: string): boolean => {
    try {
      checkOutput('--out', out, [{ what: 'the data', path }]);
      return false;
    } catch {
      return true;
    }
  };

  test('accepts others that only look alike', () => {
    writeFileSync(at('base-2'), '');
    for (const out of [
      at('base-2'),
      at('here'),
      at('here', 'base'),
      at('loop', 'x'),
      at('data', 'rows.json'),
    ])
      expect(refuses(out, at('base')), out).toBe(false);
    expect(refuses(at('here'), at('none'))).toBe(false);
  });

  test('a hard link is the file itself', () => {
    linkSync(at('data', 'rows.jsonl'), at('here', 'other.jsonl'));
    expect(refuses(at('here', 'other.jsonl'), at('data', 'rows.jsonl'))).toBe(true);
  });

  test('a name in another case is the same if the disk treats it so', (context) => {
    const other = join(root, basename(at('base')).toUpperCase());
    if (statSync(other, { throwIfNoEntry: false })?.ino !== statSync(at('base')).ino) {
      console.log('SKIPPED: names in another case, since the disk of this machine tells them apart');
      context.skip();
    }
    expect(refuses(other, at('base'))).toBe(true);
    expect(refuses(join(other, 'new'), at('base'))).toBe(true);
  });
});
