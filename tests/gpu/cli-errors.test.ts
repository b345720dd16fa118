/** Errors of bad arguments and files: one clear line, and an exit status other than 0. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  DEVICE,
  DEVICE_HERE,
  graft,
  graftHere,
  temporaryFolder,
  VOICE,
  type Ended,
} from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
/** A wrong call and a failure in real processes; and cases that open a device. */
const IN_A_PROCESS = [
  'no such command',
  'an unknown flag',
  'no such data',
  'a target that no layer has',
  'a device that is not there',
  'an id that the model lacks',
];

describe('bad arguments and files', () => {
  let folders = 0;
  const train = (...args: string[]): string[] => [
    'train',
    '--model',
    SPRIG,
    '--data',
    VOICE,
    '--out',
    at(`bad-${folders++}`),
    ...args,
  ];
  const cases: [string, () => string[], number, RegExp][] = [
    ['no such flag', () => ['--verson'], 2, /no flag --verson without a command\. Did you mean --version\?/],
    ['no such command', () => ['tran'], 2, /no command "tran"\. Did you mean graft train\?/],
    [
      'an unknown flag',
      () => train('--stepz', '3'),
      2,
      /no flag --stepz\. Did you mean --steps\? See graft train --help\.$/,
    ],
    ['no number', () => train('--steps', 'many'), 2, /--steps is "many"/],
    ['a value out of range', () => train('--lr', '0'), 2, /setting lr is 0/],
    [
      'a beta of no objective',
      () => train('--objective', 'dpo', '--beta=-1'),
      2,
      /Choose a number above 0, at most 100/,
    ],
    [
      'more last layers than there are',
      () => train('--method', 'full', '--last-layers', '99'),
      2,
      /lastLayers is 99, and the model has 6 layers/,
    ],
    [
      'a layer that the model lacks',
      () => train('--layers-to-transform', '99'),
      2,
      /no layer 99 with such targets: it has 6 layers/,
    ],
    ['no such choice', () => train('--schedule', 'cosin'), 2, /--schedule is "cosin"/],
    ['a flag without its value', () => ['logits', '--model', SPRIG, '--ids', '1', '--out'], 2, /--out/],
    ['a missing flag', () => ['train', '--model', SPRIG], 2, /--out is missing/],
    ['no such data', () => train('--data', at('none.jsonl')), 1, /none\.jsonl could not be read/],
    ['no such model', () => train('--model', at('none')), 1, /none is not a folder/],
    [
      'a folder that is no model',
      () => train('--model', fileURLToPath(new URL('.', import.meta.url))),
      1,
      /config\.json/,
    ],
    ['nothing saved', () => train('--resume', SPRIG), 1, /no saved run/],
    ['a target that no layer has', () => train('--targets', 'q_prog', ...DEVICE), 2, /q_prog/],
    [
      'rows longer than the model is made for',
      () => train('--max-length', '100000'),
      2,
      /Rows of 100000 tokens are asked for, and the model was made for at most \d+\./,
    ],
    ['a rank of nothing', () => train('--rank', '0'), 2, /rank/],
    ['a run without end', () => train('--steps', '1000000000'), 2, /1000000000 steps/],
    ['an output that is a file', () => train('--out', at('file'), '--steps', '1'), 1, /file is not a folder/],
    ['an output that is the base', () => train('--out', SPRIG), 2, /--out .* is the base model .* must stay/],
    ['no time to save', () => train('--save-every', '5h'), 2, /--save-every is "5h"/],
    [
      'no such adapter',
      () => ['merge', '--model', SPRIG, '--adapter', at('none'), '--out', at('m')],
      1,
      /none is not a folder/,
    ],
    [
      'a device that is not there',
      () => ['generate', '--model', SPRIG, '--prompt', 'x', '--device', 'no such thing'],
      1,
      /no GPU whose name contains "no such thing"\. There is .*llvmpipe/,
    ],
    [
      'builds of GPU kernels on the processor',
      () => ['logits', '--model', SPRIG, '--ids', '1', '--out', at('l'), '--kernels', 'gpu', ...DEVICE],
      2,
      /--kernels gpu chooses among builds of GPU kernels, and this would run on the CPU engine, which has none\./,
    ],
    [
      'no such builds',
      () => ['logits', '--model', SPRIG, '--ids', '1', '--out', at('l'), '--kernels', 'all'],
      2,
      /--kernels is "all", expected auto, gpu, software\./,
    ],
    ['ids that are none', () => ['logits', '--model', SPRIG, '--ids', '1,x', '--out', at('l')], 2, /"x"/],
    [
      'an id that the model lacks',
      () => ['logits', '--model', SPRIG, '--ids', '1,5000', '--out', at('l'), ...DEVICE],
      1,
      /5000/,
    ],
    [
      'a larger batch than a GPU dispatches',
      () => ['plan', '--model', SPRIG, '--batch', '1000000'],
      1,
      /a smaller batch size/,
    ],
    [
      'two ranks',
      () => train('--init-adapter', at('none'), '--rank', '4'),
      2,
      /--rank is given, and the adapter of --init-adapter has its own/,
    ],
    ['a rank of all weights', () => train('--method', 'full', '--rank', '4'), 2, /--rank is for LoRA/],
    ['a negative value', () => train('--lr', '-1'), 2, /write --lr=-1\.$/],
    ['no memory', () => ['plan', '--model', SPRIG, '--memory=-1'], 2, /--memory is -1/],
    ['no binding', () => ['plan', '--model', SPRIG, '--max-binding', '0'], 2, /--max-binding is 0/],
    [
      'a stop of nothing',
      () => ['generate', '--model', SPRIG, '--prompt', 'x', '--stop', ''],
      2,
      /--stop is empty/,
    ],
    [
      'neither prompt nor messages',
      () => ['generate', '--model', SPRIG],
      2,
      /one of --prompt, --messages and --prompts/,
    ],
    [
      'no rows below the header',
      () => {
        writeFileSync(at('header.csv'), 'prompt,completion\n');
        return train('--data', at('header.csv'));
      },
      1,
      /header\.csv has a header \(prompt, completion\) and no rows below it/,
    ],
    [
      'a list of nothing',
      () => {
        writeFileSync(at('empty.json'), '[]');
        return train('--data', at('empty.json'), ...DEVICE_HERE);
      },
      1,
      /The data has no rows\. Choose a file with examples\.$/,
    ],
    [
      'a plan in place of its recipe',
      () => {
        writeFileSync(at('recipe.json'), '{"steps": 5}');
        return ['plan', '--model', SPRIG, '--recipe', at('recipe.json'), '--json', at('recipe.json')];
      },
      2,
      /--json .*recipe\.json is the recipe .*recipe\.json, which must stay as it is/,
    ],
    [
      'a packed adapter',
      () => {
        writeFileSync(at('adapter.zip'), 'PK');
        return ['merge', '--model', SPRIG, '--adapter', at('adapter.zip'), '--out', at('m')];
      },
      1,
      /adapter\.zip is not a folder\. Unpack it, and give the folder that holds its files\.$/,
    ],
  ];
  const check = async (
    [what, args, status, message]: (typeof cases)[number],
    run: (args: readonly string[]) => Promise<Omit<Ended, 'signal'>>,
  ): Promise<void> => {
    const { code, out, err } = await run(args());
    const last = err.trimEnd().split('\n').at(-1)!;
    expect.soft(last, what).toMatch(/^graft: /);
    expect.soft(last, what).toMatch(message);
    expect.soft(err, what).not.toMatch(/^ {4}at /m);
    expect.soft({ code, out }, what).toEqual({ code: status, out: '' });
  };

  test('end with one clear line and another exit status than 0', async () => {
    writeFileSync(at('file'), '');
    for (const each of cases) if (!IN_A_PROCESS.includes(each[0])) await check(each, graftHere);
  });

  test('end a process in the same way', async () => {
    // Two at a time: most of the time goes into starting Node.
    const queue = cases.filter(([what]) => IN_A_PROCESS.includes(what));
    expect(queue).toHaveLength(IN_A_PROCESS.length);
    const some = async (): Promise<void> => {
      for (let next = queue.shift(); next; next = queue.shift()) await check(next, graft);
    };
    await Promise.all([some(), some()]);
  });

  test('rows that cannot be read are listed by line, and the rest is trained with the defaults, however few', async () => {
    const lines = readFileSync(VOICE, 'utf8').split('\n').slice(0, 3);
    writeFileSync(at('mixed.jsonl'), [lines[0], '{"messages": 5}', 'no json', lines[1], ''].join('\n'));
    const { code, err } = await graft(train('--data', at('mixed.jsonl'), ...DEVICE));
    expect(code, err).toBe(0);
    expect(err).toMatch(/line 2 left out/);
    expect(err).toMatch(/line 3 left out/);
    expect(err).toContain('Read 2 rows');
  });

  test('help lists the commands and the flags', async () => {
    const [usage, help, short, about, version] = await Promise.all([
      graft(['--help']),
      graft(['train', '--help']),
      graft(['train', '-h']),
      graft(['help', 'train']),
      graft(['--version']),
    ]);
    expect([usage.code, help.code, version.code]).toEqual([0, 0, 0]);
    expect([short.out, about.out]).toEqual([help.out, help.out]);
    expect(help.out).toContain('\n\nUsage: graft train --model PATH --data FILE --out DIR\n\n');
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const name of ['train', 'generate', 'merge', 'logits', 'gradients', 'bench', 'demo'])
      expect(usage.out).toContain(name);
    for (const flag of [
      '--overlong',
      '--lr-ratio',
      '--no-shuffle',
      '--save-every',
      '--patience',
      '--precision',
    ])
      expect(help.out).toContain(flag);
  });
});
