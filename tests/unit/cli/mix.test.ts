/** `graft mix`: PEFT's numbers (tests/reference/mix), what is written and reported, and what is refused. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { lossesInWords, shortNames } from '../../../src/cli/mix-loss.ts';
import { writePeft } from '../../../src/export/peft.ts';
import { adapterModules, initialTensors } from '../../../src/adapters/registry.ts';
import { folder, writeFolder } from '../../../src/cli/files.ts';
import { LINEAGE, lineOf, readLineage, readMix } from '../../../src/cli/lineage.ts';
import { LIST } from '../../../src/cli/own-files.ts';
import { readModel } from '../../../src/model/family.ts';
import { readTensorsOf } from '../../engine/reference-file.ts';
import { worstError } from '../../engine/run.ts';
import { flagsOf, mix, mixPath, type PeftMix } from '../../mix-call.ts';
import { graftError } from '../expect-graft-error.ts';

const root = mkdtempSync(join(tmpdir(), 'graft-mix-'));
const at = (...parts: string[]): string => join(root, ...parts);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const CASES = Object.entries(
  JSON.parse(readFileSync(mixPath('cases.json'), 'utf8')) as Record<string, PeftMix>,
);
const [A, B, C] = [mixPath('a'), mixPath('b'), mixPath('c')];

interface Config {
  readonly r: number;
  readonly lora_alpha: number;
  readonly use_rslora: boolean;
}
const configOf = (out: string): Config =>
  JSON.parse(readFileSync(join(out, 'adapter_config.json'), 'utf8')) as Config;

/** B · A, [outputs, inputs]. */
function product(a: Float32Array, b: Float32Array, rank: number): Float64Array {
  const [inputs, outputs] = [a.length / rank, b.length / rank];
  return Float64Array.from({ length: inputs * outputs }, (_, i) => {
    const [n, k] = [Math.floor(i / inputs), i % inputs];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += b[n * rank + r] * a[r * inputs + k];
    return sum;
  });
}

async function floatsOf(out: string): Promise<ReadonlyMap<string, Float32Array>> {
  return (await readTensorsOf(folder(out), 'adapter_model.safetensors')).floats;
}

describe("PEFT's numbers", () => {
  test.each(CASES)('%s gives the matrices of add_weighted_adapter', async (name, asked) => {
    const out = at(name);
    await mix(...flagsOf(asked, out));
    const { floats: all } = await readTensorsOf(folder(mixPath()), 'mixed.safetensors');
    const expected = new Map([...all].filter(([key]) => key.startsWith(`${name}/`)));
    const found = await floatsOf(out);
    expect(found.size).toBe(expected.size);
    expect(expected.size).toBeGreaterThan(3);
    const { r, ...config } = configOf(out);
    expect(config).toMatchObject({ lora_alpha: r, use_rslora: false });
    for (const path of [...expected.keys()].flatMap((key) => /^.*\/(.*)\.lora_A$/.exec(key)?.[1] ?? [])) {
      const [a, b] = ['A', 'B'].map((side) => found.get(`base_model.model.${path}.lora_${side}.weight`)!);
      const [wantedA, wantedB] = ['A', 'B'].map((side) => expected.get(`${name}/${path}.lora_${side}`)!);
      expect(worstError(product(a, b, r), product(wantedA, wantedB, r)), path).toBeLessThan(1e-5);
      // Singular vectors have no sign of their own.
      if (asked.combination_type.endsWith('svd')) continue;
      expect(worstError(a, wantedA), path).toBeLessThan(1e-5);
      expect(worstError(b, wantedB), path).toBeLessThan(1e-5);
    }
  });
});

describe('the result', () => {
  test('names its parents in the card and in lineage.json, and lists its files', async () => {
    const out = at('named');
    await mix(
      '--adapter',
      A,
      B,
      '--weights',
      '0.7,0.3',
      '--method',
      'ties',
      '--density',
      '0.5',
      '--out',
      out,
    );
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    expect(card).toContain('| Mixed by | ties |');
    expect(card).toContain('| Mixed from | 0.7 × a, 0.3 × b |');
    expect(card).not.toContain('Trained with Graft');
    const { mixed } = (await readMix(out))!;
    expect(mixed).toMatchObject({ method: 'ties', rank: 4, density: 0.5, majoritySign: 'total' });
    expect(mixed.parents.map(({ path }) => join(out, path))).toEqual([A, B]);
    const { files } = JSON.parse(readFileSync(join(out, LIST), 'utf8')) as { files: string[] };
    expect(files).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors', LINEAGE].sort());
  });

  test('counts as an adapter without a run, whose parents a line of stages names', async () => {
    const out = at('line');
    await mix('--adapter', A, B, '--weights', '1,1', '--out', out);
    expect(await readLineage(out)).toBeUndefined();
    const { what } = await graftError(() => lineOf(out), 'lineage');
    expect(what).toContain(`was mixed from ${A} and ${B}`);
  });

  test('replaces its own files only with --overwrite, and never those of another program', async () => {
    const out = at('again');
    const call = ['--adapter', A, B, '--weights', '1,1', '--out', out];
    await mix(...call);
    await graftError(() => mix(...call), 'folder-used');
    await mix(...call, '--overwrite');
    cpSync(A, at('theirs'), { recursive: true });
    writeFileSync(at('theirs', 'model.safetensors'), 'weights');
    await graftError(
      () => mix('--adapter', A, B, '--weights', '1,1', '--out', at('theirs'), '--overwrite'),
      'folder-used',
    );
    expect(readFileSync(at('theirs', 'adapter_config.json'))).toEqual(
      readFileSync(join(A, 'adapter_config.json')),
    );
  });
});

interface Report {
  readonly rank: number;
  readonly modules: readonly {
    readonly name: string;
    readonly singular_values: readonly number[];
    readonly kept_share: number;
    readonly relative_error: number;
  }[];
}

describe('a smaller rank', () => {
  const smaller = async (rank: number): Promise<Report & { out: string }> => {
    const out = at(`rank-${rank}`);
    const { result } = await mix(
      '--adapter',
      A,
      '--rank',
      String(rank),
      '--json',
      '--overwrite',
      '--out',
      out,
    );
    return { out, ...(JSON.parse(result) as Report) };
  };

  test('reports all singular values of each layer, and the share that is kept', async () => {
    const { modules, rank } = await smaller(2);
    expect(rank).toBe(2);
    expect(modules.map(({ name }) => name.split('.').at(-1)).sort()).toEqual([
      'down_proj',
      'q_proj',
      'v_proj',
    ]);
    for (const { singular_values: values, kept_share: kept } of modules) {
      expect(values).toHaveLength(4);
      expect(values).toEqual(values.toSorted((a, b) => b - a));
      const squares = values.map((value) => value * value);
      expect(kept).toBeCloseTo((squares[0] + squares[1]) / squares.reduce((sum, one) => sum + one), 12);
    }
  });

  test("has torch's singular values, and the error of torch's best approximation", async () => {
    const spectra = JSON.parse(readFileSync(mixPath('spectra.json'), 'utf8')) as Record<
      string,
      Record<string, { values: number[]; error_at_rank_2: number }>
    >;
    const { modules } = await smaller(2);
    expect(modules.map(({ name }) => name).sort()).toEqual(Object.keys(spectra['a']).sort());
    for (const { name, singular_values: found, relative_error: error } of modules) {
      const { values, error_at_rank_2: wanted } = spectra['a'][name];
      expect(worstError(found, values), name).toBeLessThan(1e-6);
      expect(error).toBeCloseTo(wanted, 6);
    }
  });

  test('loses as much of the change as the values that were cut have', async () => {
    const [whole, cut] = [await smaller(4), await smaller(2)];
    const [all, some] = [await floatsOf(whole.out), await floatsOf(cut.out)];
    for (const { name, singular_values: values } of cut.modules) {
      const key = (side: string): string => `base_model.model.${name}.lora_${side}.weight`;
      const exact = product(all.get(key('A'))!, all.get(key('B'))!, 4);
      const rough = product(some.get(key('A'))!, some.get(key('B'))!, 2);
      const lost = Math.hypot(...exact.map((value, i) => value - rough[i]));
      expect(lost).toBeGreaterThan(0.01);
      expect(lost / Math.hypot(...values.slice(2))).toBeCloseTo(1, 5);
    }
  });

  test('is filled with zeros above the rank of a layer', async () => {
    const { modules, out } = await smaller(20);
    expect(modules.every(({ kept_share: kept }) => kept === 1)).toBe(true);
    expect(configOf(out).r).toBe(20);
    const [whole, large] = [await floatsOf((await smaller(4)).out), await floatsOf(out)];
    const key = (side: string): string => `base_model.model.${modules[0].name}.lora_${side}.weight`;
    expect(
      worstError(
        product(large.get(key('A'))!, large.get(key('B'))!, 20),
        product(whole.get(key('A'))!, whole.get(key('B'))!, 4),
      ),
    ).toBeLessThan(1e-6);
  });
});

describe('adapters that cannot be mixed', () => {
  const out = at('refused');
  const refused = async (code: string, ...args: string[]): Promise<string> => {
    const { what, remedy } = await graftError(() => mix(...args, '--out', out), code);
    expect(existsSync(out)).toBe(false);
    return `${what} ${remedy}`;
  };
  const two = ['--weights', '1,1', '--adapter', A];

  test.each(['linear', 'ties', 'magnitude-prune', 'dare-linear', 'dare-ties'])(
    'refuses other ranks for %s, names them and advises svd or cat',
    async (method) => {
      const density = method === 'linear' ? [] : ['--density', '0.5'];
      const said = await refused('mix', ...two, C, '--method', method, ...density);
      expect(said).toContain(`${A} has rank 4, ${C} has rank 3`);
      expect(said).toContain('--method svd or cat');
      expect(said.includes(`, or ${method}-svd.`)).toBe(method !== 'linear');
    },
  );

  test('refuses another kind of adapter', async () => {
    const model = await readModel(folder(mixPath()));
    const config = {
      ...{ kind: 'dora', rank: 4, alpha: 4, dropout: 0, rsLora: false, targets: ['q_proj'] },
      ...{ rankPattern: {}, alphaPattern: {} },
    };
    const modules = adapterModules(model, config);
    const tensors = new Map<string, Float32Array<ArrayBuffer>>(
      modules.flatMap((module) => [
        [
          `base_model.model.${module.path}.lora_magnitude_vector`,
          new Float32Array(module.outputs).fill(1),
        ] as const,
      ]),
    );
    for (const [name, values] of initialTensors(modules, 1)) tensors.set(name, values);
    await writeFolder(at('dora'), writePeft({ config, modules, tensors }, { baseModel: 'tiny' }));
    expect(await refused('mix', ...two, at('dora'))).toContain('adapter of the kind DoRA');
  });

  test('refuses an adapter of another base', async () => {
    const other = mixPath('..', 'peft', 'adapter');
    expect(await refused('adapter-fit', ...two, other)).toContain('Tensor');
  });

  test('refuses a list of targets next to a regular expression, as PEFT does', async () => {
    cpSync(B, at('regex'), { recursive: true });
    const config = JSON.parse(readFileSync(join(B, 'adapter_config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    writeFileSync(
      at('regex', 'adapter_config.json'),
      JSON.stringify({ ...config, target_modules: '.*(q|v)_proj' }),
    );
    expect(await refused('mix', ...two, at('regex'))).toContain('regular expression');
  });

  test.each([
    ['1 number, and there are 2', ['--adapter', A, B, '--weights', '1']],
    ['--weights is missing', ['--adapter', A, B]],
    ['has "x"', ['--adapter', A, B, '--weights', '1,x']],
    ['ties needs --density', ['--adapter', A, B, '--weights', '1,1', '--method', 'ties']],
    ['expected a number above 0', [...two, B, '--method', 'ties', '--density', '0']],
    ['at most 1', [...two, B, '--method', 'ties', '--density', '1.5']],
    ['--rank is for svd', [...two, B, '--method', 'cat', '--rank', '2']],
    ['--seed is for dare-linear', [...two, B, '--method', 'ties', '--density', '1', '--seed', '2']],
    ['--device is for measuring', [...two, B, '--device', 'cpu']],
    ['there is only one', ['--adapter', A, '--method', 'linear']],
    ['--adapter is missing', []],
  ])('refuses a call: %s', async (said, args) => {
    expect(await refused('arguments', ...args)).toContain(said);
  });

  test('refuses a rank above the largest that Graft reads', async () => {
    expect(await refused('mix', '--adapter', A, '--rank', '1025')).toContain('the largest is 1024');
  });
});

test('an adapter has the name of its folder, and as much of its path as tells it from the others', () => {
  expect(shortNames(['runs/one', 'runs/two'])).toEqual(['one', 'two']);
  expect(shortNames(['a/run/out', 'b/run/out', 'other'])).toEqual(['a/run/out', 'b/run/out', 'other']);
  expect(shortNames(['/a/out', '/x/a/out'])).toEqual(['/a/out', 'x/a/out']);
  expect(shortNames(['a/out', 'a/out/', 'b/out'])).toEqual(['out (adapter 1)', 'out (adapter 2)', 'b/out']);
});

test('losses name two adapters of one folder name apart', () => {
  const adapters = [
    { name: 'a/out', loss: 1 },
    { name: 'b/out', loss: 2 },
  ];
  expect(lossesInWords({ rows: 1, tokens: 1, base: 3, adapters, mixed: 1.5 })).toBe(
    'base 3.0000, a/out 1.0000, b/out 2.0000, mixed 1.5000',
  );
});
