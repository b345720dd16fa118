import { describe, expect, it, test } from 'vitest';
import { demoFlags } from '../../../src/cli/demo.ts';
import { evaluateFlags } from '../../../src/cli/evaluate-flags.ts';
import { planFlags } from '../../../src/cli/plan.ts';
import { checkOverlap, readGiven, trainFlags } from '../../../src/cli/train-flags.ts';
import { describeFlags, Flags, underFlag, wordApart, type FlagSpecs } from '../../../src/cli/flags.ts';
import type { ModelDefinition } from '../../../src/model/definition.ts';
import { defineModel } from '../../../src/model/family.ts';
import type { LoraModule } from '../../../src/adapters/lora/config.ts';
import { adapterModules } from '../../../src/adapters/registry.ts';
import { graftError } from '../expect-graft-error.ts';
import { specOf, type RunSpec } from '../../../src/settings/spec.ts';

/** The settings of a call, with the defaults of no model. */
const optionsOfFlags = (flags: Flags<typeof trainFlags>): RunSpec => specOf(readGiven(flags));

const specs = {
  lr: { value: 'X', help: 'a number' },
  json: { value: 'FILE', bare: '-', help: 'where to' },
  quick: { help: 'on or off' },
} as const satisfies FlagSpecs;
const flags = (...args: string[]): Flags<typeof specs> => new Flags(specs, args);

describe('a value', () => {
  it('is asked for with an equals sign if it starts with a dash', async () => {
    const { what, remedy } = await graftError(() => flags('--lr', '-1'), 'arguments');
    expect(what).toBe('--lr has no value: the next word, -1, starts with a dash.');
    expect(remedy).toBe('If that is the value, write --lr=-1.');
    expect(flags('--lr=-1').number('lr')).toBe(-1);
    const other = await graftError(() => flags('--quick', '--nothing', '--lr', '1'), 'arguments');
    expect(other.what).toContain('--nothing');
  });

  it('is refused at and below zero if only a positive one makes sense', async () => {
    for (const value of ['0', '-1'])
      await graftError(() => flags(`--lr=${value}`).positive('lr'), 'arguments');
    expect(flags('--lr', '0.5').positive('lr')).toBe(0.5);
    expect(flags().positive('lr')).toBeUndefined();
  });
});

describe('a flag that the command does not have', () => {
  test.each([
    ['--lerning-rate', trainFlags, /no flag --lerning-rate\. Did you mean --lr\?/],
    ['--evalEvery', trainFlags, /Did you mean --eval-every\?/],
    ['--lerning-rate', planFlags, /Did you mean --lr\?/],
    [
      '--lr',
      evaluateFlags,
      /--lr is a setting of a run \(Learning rate\), and this command has no such setting/,
    ],
    ['--rank', demoFlags, /--rank is a setting of a run \(Rank\)/],
  ])('is refused by its name: %s', async (flag, specs, message) => {
    const { what } = await graftError(() => new Flags(specs as FlagSpecs, [flag, '1']), 'arguments');
    expect(what).toMatch(message);
  });
});

describe('a word that is not a flag', () => {
  it('is found before the flags, between and after them', () => {
    for (const args of ['word --lr 1 --quick', '--lr 1 word --quick', '--quick --lr 1 word', '--lr=1 word'])
      expect(wordApart(specs, args.split(' ')).word, args).toBe('word');
    expect(wordApart(specs, ['--lr', '1', 'word', '--quick']).rest).toEqual(['--lr', '1', '--quick']);
    expect(wordApart(specs, ['--lr', '1'])).toEqual({ rest: ['--lr', '1'] });
  });
});

describe('a flag that may have many values', () => {
  it('takes them one by one or together', () => {
    const many = {
      ...specs,
      adapter: { value: 'DIR …', many: true, help: 'folders' },
    } as const satisfies FlagSpecs;
    for (const args of [
      '--adapter a --lr 1 --adapter b',
      '--lr 1 --adapter a b',
      '--adapter=a --adapter b --quick',
    ])
      expect(new Flags(many, args.split(' ')).texts('adapter'), args).toEqual(['a', 'b']);
    expect(new Flags(many, []).texts('adapter')).toEqual([]);
  });
});

describe('a flag that may stand without its value', () => {
  it('means the same everywhere', () => {
    for (const args of [['--json'], ['--json', '--quick'], ['--json', '-'], ['--quick', '--json=-']])
      expect(flags(...args).text('json'), args.join(' ')).toBe('-');
    expect(flags('--json', '--quick').on('quick')).toBe(true);
    expect(flags('--json', 'plan.json', '--lr', '1').text('json')).toBe('plan.json');
    expect(flags('--lr', '1').text('json')).toBeUndefined();
  });

  it('is described as such', () => {
    expect(describeFlags(specs)).toContain('--json [FILE]');
  });
});

describe('patterns of an adapter', () => {
  const { linears } = defineModel(
    {
      model_type: 'llama',
      vocab_size: 32,
      hidden_size: 16,
      intermediate_size: 24,
      num_hidden_layers: 2,
      num_attention_heads: 2,
    },
    'm/config.json',
  );
  const modules = (...args: string[]): [string, number, number][] => {
    const spec = optionsOfFlags(new Flags(trainFlags, ['--targets', 'q_proj,v_proj', ...args]));
    return (adapterModules({ linears } as ModelDefinition, spec) as LoraModule[]).map(
      ({ path, rank, scale }) => [path.replace('model.layers.', ''), rank, scale],
    );
  };

  it('match the ends of paths, the first that fits', () => {
    expect(
      modules('--rank-pattern', 'layers.1.self_attn.q_proj=2,q_proj=16', '--alpha-pattern', 'v_proj=4'),
    ).toEqual([
      ['0.self_attn.q_proj', 16, 1],
      ['0.self_attn.v_proj', 8, 0.5],
      ['1.self_attn.q_proj', 2, 8],
      ['1.self_attn.v_proj', 8, 0.5],
    ]);
  });

  it('are refused if they are empty', async () => {
    for (const value of ['q_proj', 'q_proj=', 'q_proj=0', 'q_proj=many', '.*=3', 'q_proj=2,'])
      await graftError(() => modules('--rank-pattern', value), 'arguments');
    await graftError(() => modules('--rank-pattern', 'q_proj=1.5'), 'train-option');
    for (const flag of ['--rank-pattern', '--alpha-pattern']) {
      const { what } = await graftError(() => modules(flag, 'down_proj=2'), 'lora-config');
      expect(what).toContain('down_proj');
    }
  });
});

describe('a part of the weights', () => {
  it('is for full fine-tuning, and refused for an adapter', async () => {
    const read = (...args: string[]) => optionsOfFlags(new Flags(trainFlags, args));
    for (const part of [
      ['--train-weights', 'norms'],
      ['--last-layers', '2'],
    ]) {
      const { what, remedy } = await graftError(() => read(...part), 'arguments');
      expect(what).toBe(`${part[0]} is for Full fine-tuning.`);
      expect(remedy).toMatch(/--method full/);
      expect(read(...part, '--method', 'full')).toMatchObject({ method: 'full' });
    }
  });
});

describe('an overlap of text', () => {
  it('is shorter than a row, which would be learned token by token otherwise', async () => {
    const { what } = await graftError(() => checkOverlap(512, 512), 'arguments');
    expect(what).toBe('--text-overlap is 512, and a row has 512 tokens at most.');
    expect(() => checkOverlap(511, 512)).not.toThrow();
    expect(() => checkOverlap(undefined, 512)).not.toThrow();
  });
});

describe('the help of a command', () => {
  const specs = {
    model: { value: 'PATH', help: 'a folder' },
    ...underFlag('Rows', { data: { value: 'FILE', help: 'a file' } }),
    ...underFlag('Adapter', { rank: { value: 'N', help: `${'the inner width '.repeat(6)}of it` } }),
    ...underFlag('Rows', { header: { help: 'names of columns' } }),
    help: { help: 'this text' },
  } satisfies FlagSpecs;

  it('has its flags part by part, those without a heading first', () => {
    expect(
      describeFlags(specs)
        .split('\n')
        .map((line) => line.trim().split(' ')[0]),
    ).toEqual(['--model', '--help', '', 'Rows', '--data', '--header', '', 'Adapter', '--rank']);
  });

  it('is broken between words where the terminal ends, under its column', () => {
    const columns = 80;
    const lines = describeFlags(specs, columns).split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
    expect(lines.at(-1)).toMatch(/^ {16}\S/);
    expect(lines.join(' ').replace(/\s+/g, ' ')).toBe(describeFlags(specs).replace(/\s+/g, ' '));
  });

  it('has one line for each flag without a terminal, or in one that is too narrow', () => {
    expect(describeFlags(specs, 60)).toBe(describeFlags(specs));
  });
});
