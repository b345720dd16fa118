/** The command as other tools call it, in processes of its own. Each costs seconds: few, and each for several questions. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseSafetensors, type TensorEntry } from '../../src/weights/safetensors.ts';
import { memorySource } from '../../src/weights/bytes.ts';
import { toFloat32 } from '../../src/weights/dtypes.ts';
import { describeShared, sharedJson, sharedPath } from '../shared.ts';
import { DEVICE, graft, metricsOf, numbers, type Ended, type Line } from './graft-command.ts';
import { readReference } from './reference-file.ts';
import { worstError } from './run.ts';
import { SPRIG } from './sprig.ts';

const VOICE = fileURLToPath(new URL('../../public/samples/voice/train.jsonl', import.meta.url));
async function tensorsOf(path: string): Promise<Map<string, TensorEntry>> {
  return parseSafetensors(memorySource(path, new Uint8Array(readFileSync(path))));
}

async function floats(entry: TensorEntry | undefined): Promise<Float32Array> {
  if (!entry) throw new Error('There is no such tensor');
  return toFloat32(await entry.read(), entry.dtype, entry.name);
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...parts: string[]): string => join(folder, ...parts);

/** A run long enough to be interrupted, with everything in it that a resumed run has to get right. */
const RUN = [
  'train',
  '--model',
  SPRIG,
  '--data',
  VOICE,
  '--steps',
  '40',
  '--batch',
  '1',
  '--rank',
  '4',
  '--targets',
  'q_proj,v_proj',
  '--dropout',
  '0.1',
  '--lr',
  '2e-3',
  '--max-length',
  '64',
  '--val-fraction',
  '0.01',
  '--eval-every',
  '3',
  '--seed',
  '5',
  ...DEVICE,
];

describe('graft train', () => {
  const whole = (): string => at('whole');

  test('writes an adapter and a line of metrics for every step', async () => {
    const { code, err, out } = await graft([...RUN, '--out', whole()]);
    expect(err).toContain('Wrote the adapter to');
    expect({ code, out }).toEqual({ code: 0, out: '' });
    const lines = metricsOf(whole());
    expect(lines.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    for (const line of lines) {
      const keys = ['step', 'loss', 'lr', 'grad_norm', 'supervised_tokens', 'seconds'];
      // Every third step, and the last.
      expect(Object.keys(line)).toEqual(
        line.step % 3 === 0 || line.step === 40 ? [...keys, 'eval_loss'] : keys,
      );
      expect(Object.values(line).every(Number.isFinite)).toBe(true);
    }
    for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'README.md'])
      expect(existsSync(join(whole(), name)), name).toBe(true);
    expect(existsSync(join(whole(), 'state'))).toBe(false);
  });

  const adapterBytes = (path: string): Buffer => readFileSync(join(path, 'adapter_model.safetensors'));

  test('interrupted, it saves its state and says how to go on; resumed, it ends like a run in one piece', async () => {
    const out = at('interrupted');
    let sent = false;
    const first = await graft([...RUN, '--out', out], (err, kill) => {
      if (sent || !err.includes('Step 1 of 40')) return;
      sent = true;
      kill('SIGINT');
    });
    expect({ code: first.code, signal: first.signal }).toEqual({ code: 130, signal: null });
    expect(first.err).toContain(`--resume ${out}`);
    const done = metricsOf(out).length;
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(40);
    expect(existsSync(join(out, 'adapter_model.safetensors'))).toBe(false);

    const other = await graft([...RUN, '--out', out, '--resume', out, '--overlong', 'drop']);
    expect(other.code).toBe(1);
    expect(other.err).toMatch(/^graft: The saved run had other settings\..*\n$/m);

    // As a sibling of the base is: the same shape and the same ends, and other numbers between them.
    cpSync(SPRIG, at('sibling'), { recursive: true });
    const weights = readFileSync(at('sibling', 'model.safetensors'));
    const middle = Math.floor(weights.length / 2);
    weights.fill(0x3c, middle, middle + weights.length / 16);
    writeFileSync(at('sibling', 'model.safetensors'), weights);
    const sibling = await graft([...RUN, '--model', at('sibling'), '--out', out, '--resume', out]);
    expect(sibling.err).toMatch(/^graft: The saved run had another model\..*\n$/m);
    expect(sibling.code).toBe(1);

    // Again, where every step ends in a save: the signal is heard then, too.
    let again = false;
    const second = await graft([...RUN, '--out', out, '--resume', out, '--save-every', '1'], (err, kill) => {
      if (again || !err.includes('Resumed after')) return;
      again = true;
      kill('SIGINT');
    });
    expect(second.err).toContain(`Resumed after step ${done}`);
    expect(second.code).toBe(130);
    const doneThen = metricsOf(out).length;
    expect(doneThen).toBeLessThan(40);

    // As a crash between the two renames of a save leaves it.
    renameSync(join(out, 'state'), join(out, 'state.old'));
    const third = await graft([...RUN, '--out', out, '--resume', out]);
    expect(third.err).toContain(`Resumed after step ${doneThen}`);
    expect(third.code).toBe(0);
    expect(readdirSync(out).filter((name) => name.startsWith('state'))).toEqual([]);
    expect(numbers(metricsOf(out))).toEqual(numbers(metricsOf(whole())));
    expect(adapterBytes(out).equals(adapterBytes(whole()))).toBe(true);
  });

  test('killed, it goes on from the last state that --save-every wrote', async () => {
    const out = at('killed');
    let sent = false;
    const timer: { stop?: NodeJS.Timeout } = {};
    const first = await graft([...RUN, '--out', out, '--save-every', '4'], (_, kill) => {
      timer.stop ??= setInterval(() => {
        if (sent || !existsSync(join(out, 'state', 'state.json'))) return;
        sent = true;
        kill('SIGKILL');
      }, 5);
    });
    clearInterval(timer.stop);
    expect(first.signal).toBe('SIGKILL');
    const second = await graft([...RUN, '--out', out, '--save-every', '4', '--resume', out]);
    expect(second.err).toMatch(/Resumed after step (4|8|[123]\d|40)\n/);
    expect(second.code).toBe(0);
    expect(numbers(metricsOf(out))).toEqual(numbers(metricsOf(whole())));
    expect(adapterBytes(out).equals(adapterBytes(whole()))).toBe(true);
  });

  test('resumed where it is another day, it makes the rows that it began with', async () => {
    const [model, out] = [at('dated'), at('days')];
    cpSync(SPRIG, model, { recursive: true });
    const path = join(model, 'tokenizer_config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as { chat_template: string };
    const dated = `{{ strftime_now('%d %B') }} ${config.chat_template}`;
    writeFileSync(path, JSON.stringify({ ...config, chat_template: dated }));
    const run = [...RUN, '--model', model, '--out', out, '--save-every', '1'];
    let sent = false;
    // The two ends of the day line: never the same date.
    const [east, west] = [{ TZ: 'Pacific/Kiritimati' }, { TZ: 'Pacific/Pago_Pago' }];
    const first = await graft(
      run,
      (err, kill) => {
        if (sent || !err.includes('Step 1 of 40')) return;
        sent = true;
        kill('SIGINT');
      },
      east,
    );
    expect(first.code).toBe(130);
    const statePath = join(out, 'state', 'state.json');
    const state = JSON.parse(readFileSync(statePath, 'utf8')) as { begun: string };
    writeFileSync(statePath, JSON.stringify({ ...state, begun: '2001-02-03T04:05:06' }));
    const other = await graft([...run, '--resume', out], undefined, west);
    expect(other.err).toMatch(/^graft: The saved run made other rows of the same data\..*\n$/m);

    writeFileSync(statePath, JSON.stringify(state));
    const resumed = await graft([...run, '--resume', out], undefined, west);
    expect(resumed.err).toContain('Resumed after step');
    expect(resumed.code).toBe(0);
  });

  test('an adapter that was trained changes what generate says; merged, it says the same', async () => {
    const said = async (
      ...args: string[]
    ): Promise<{ prompt_ids: number[]; new_ids: number[]; text: string }> => {
      const { code, out, err } = await graft([
        'generate',
        ...DEVICE,
        '--precision',
        'f32',
        '--max-new-tokens',
        '12',
        '--json',
        ...args,
      ]);
      expect(code, err).toBe(0);
      const json = JSON.parse(out) as { prompt_ids: number[]; new_ids: number[]; text: string };
      expect(Object.keys(json)).toEqual(['prompt_ids', 'new_ids', 'text']);
      return json;
    };
    const prompt = ['--prompt', 'What are you?'];
    const base = await said('--model', SPRIG, ...prompt);
    expect(base.text).toMatch(/^[A-Z]/);
    const tuned = await said('--model', SPRIG, '--adapter', whole(), ...prompt);
    expect(tuned.prompt_ids).toEqual(base.prompt_ids);
    const raw = await said('--model', SPRIG, ...prompt, '--raw');
    expect(raw.prompt_ids.length).toBeLessThan(base.prompt_ids.length);
    expect(base.prompt_ids.join()).toContain(raw.prompt_ids.join());

    const merge = await graft(['merge', '--model', SPRIG, '--adapter', whole(), '--out', at('merged')]);
    expect(merge.code, merge.err).toBe(0);
    expect(await said('--model', at('merged'), ...prompt)).toEqual(tuned);
    expect((await tensorsOf(at('merged', 'model.safetensors'))).has('lm_head.weight')).toBe(false);

    writeFileSync(
      at('chat.json'),
      JSON.stringify({ messages: [{ role: 'user', content: 'What are you?' }] }),
    );
    const plain = await graft([
      'generate',
      ...DEVICE,
      '--precision',
      'f32',
      '--model',
      SPRIG,
      '--messages',
      at('chat.json'),
      '--max-new-tokens',
      '12',
    ]);
    expect(plain.out).toBe(`${base.text}\n`);
  });

  test('diverged, it says so, keeps what was learned before, and ends with an error', async () => {
    const out = at('diverged');
    const { code, err } = await graft([
      ...RUN,
      '--out',
      out,
      ...['--precision', 'f16', '--lr', '10', '--clip', '0', '--schedule', 'constant', '--warmup', '0'],
    ]);
    expect(code).toBe(1);
    expect(err).toMatch(/^graft: The loss or the gradient of step \d+ is not a finite number.*\n$/m);
    const { length } = metricsOf(out);
    expect(length).toBeLessThan(40);
    // Back before the update that broke the model.
    expect(err).toContain(`until step ${length - 1} is kept`);
    for (const entry of (await tensorsOf(join(out, 'adapter_model.safetensors'))).values())
      expect((await floats(entry)).every(Number.isFinite)).toBe(true);
  });

  test('all weights: writes a model folder that loads', async () => {
    const out = at('full');
    const trained = await graft([
      'train',
      '--model',
      SPRIG,
      '--data',
      VOICE,
      '--out',
      out,
      '--method',
      'full',
      '--steps',
      '2',
      '--batch',
      '1',
      '--max-length',
      '48',
      ...DEVICE,
    ]);
    expect(trained.code, trained.err).toBe(0);
    expect(metricsOf(out)).toHaveLength(2);
    const tensors = await tensorsOf(join(out, 'model.safetensors'));
    const before = await tensorsOf(join(SPRIG, 'model.safetensors'));
    expect([...tensors.keys()].sort()).toEqual([...before.keys()].sort());
    const name = 'model.layers.0.mlp.up_proj.weight';
    expect(worstError(await floats(tensors.get(name)), await floats(before.get(name)))).toBeGreaterThan(0);
    const { code, out: text } = await graft([
      'generate',
      ...DEVICE,
      '--model',
      out,
      '--prompt',
      'Hello',
      '--max-new-tokens',
      '4',
    ]);
    expect(code).toBe(0);
    expect(text.trim()).not.toBe('');
  });
});

describe('bad arguments and files', () => {
  const train = (...args: string[]): string[] => [
    'train',
    '--model',
    SPRIG,
    '--data',
    VOICE,
    '--out',
    at('bad'),
    ...args,
  ];
  const cases: [string, () => string[], number, RegExp][] = [
    ['no such command', () => ['tran'], 2, /no command "tran"/],
    ['an unknown flag', () => train('--stepz', '3'), 2, /--stepz/],
    ['no number', () => train('--steps', 'many'), 2, /--steps is "many"/],
    ['a value out of range', () => train('--lr', '0'), 1, /setting lr is 0/],
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
    ['a target that no layer has', () => train('--targets', 'q_prog'), 1, /q_prog/],
    [
      'rows longer than the model is made for',
      () => train('--max-length', '100000'),
      2,
      /Rows of 100000 tokens are asked for, and the model was made for at most \d+\./,
    ],
    ['a rank of nothing', () => train('--rank', '0'), 1, /rank/],
    ['a run without end', () => train('--steps', '1000000000'), 1, /1000000000 steps/],
    ['an output that is a file', () => train('--out', VOICE, '--steps', '1'), 1, /could not be written/],
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
      /no such thing/,
    ],
    ['ids that are none', () => ['logits', '--model', SPRIG, '--ids', '1,x', '--out', at('l')], 2, /"x"/],
    [
      'an id that the model lacks',
      () => ['logits', '--model', SPRIG, '--ids', '1,5000', '--out', at('l'), ...DEVICE],
      1,
      /5000/,
    ],
    [
      'more rows at once than a GPU dispatches',
      () => ['plan', '--model', SPRIG, '--batch', '1000000'],
      1,
      /fewer rows at once/,
    ],
    ['a negative value', () => train('--lr', '-1'), 2, /write --lr=-1\.$/],
    ['no memory', () => ['plan', '--model', SPRIG, '--memory=-1'], 2, /--memory is -1/],
    ['no binding', () => ['plan', '--model', SPRIG, '--max-binding', '0'], 2, /--max-binding is 0/],
    [
      'a stop of nothing',
      () => ['generate', '--model', SPRIG, '--prompt', 'x', '--stop', ''],
      2,
      /--stop is empty/,
    ],
    ['neither prompt nor messages', () => ['generate', '--model', SPRIG], 2, /--prompt or --messages/],
  ];
  test('end with one clear line and another exit status than 0', async () => {
    // Two at a time: most of the time goes into starting Node.
    const queue = [...cases];
    const check = async (): Promise<void> => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const [what, args, status, message] = next;
        const { code, out, err } = await graft(args());
        const last = err.trimEnd().split('\n').at(-1)!;
        expect.soft(last, what).toMatch(/^graft: /);
        expect.soft(last, what).toMatch(message);
        expect.soft(err, what).not.toMatch(/^ {4}at /m);
        expect.soft({ code, out }, what).toEqual({ code: status, out: '' });
      }
    };
    await Promise.all([check(), check()]);
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
    const [usage, help] = await Promise.all([graft(['--help']), graft(['train', '--help'])]);
    expect([usage.code, help.code]).toEqual([0, 0]);
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

describeShared('graft beside the reference files', () => {
  const llama = (...parts: string[]): string => sharedPath('reference', 'families', 'llama', ...parts);

  test('trains on ready token rows, in their order, from an adapter of PEFT', async () => {
    const stories = (...parts: string[]): string => sharedPath('reference', 'stories260K', ...parts);
    const { code, err } = await graft([
      'train',
      '--model',
      sharedPath('models', 'stories260K'),
      '--data',
      stories('rows.jsonl'),
      '--out',
      at('stories'),
      '--init-adapter',
      stories('lora', 'adapter'),
      '--steps',
      '3',
      '--batch',
      '4',
      '--lr',
      '1e-3',
      '--schedule',
      'constant',
      '--warmup',
      '0',
      '--max-length',
      '256',
      '--no-shuffle',
      '--precision',
      'f32',
      ...DEVICE,
    ]);
    expect(code, err).toBe(0);
    const expected = readFileSync(stories('curves', 'constant', 'metrics.jsonl'), 'utf8')
      .split('\n')
      .slice(0, 3)
      .map((line) => JSON.parse(line) as Line);
    metricsOf(at('stories')).forEach((line, i) => {
      expect(Math.abs(line.loss - expected[i].loss)).toBeLessThan(1e-4);
      expect(line.supervised_tokens).toBe(expected[i].supervised_tokens);
    });
  });

  test('logits and gradients need no tokenizer', async () => {
    const { floats: reference, integers } = await readReference([
      'reference',
      'families',
      'llama',
      'reference.safetensors',
    ]);
    const { values, shape } = integers.get('ids')!;
    const labels = integers.get('labels')!.values;
    const T = shape[shape.length - 1];
    const rows = Array.from({ length: values.length / T }, (_, i) => [i * T, (i + 1) * T] as const);
    writeFileSync(
      at('rows.jsonl'),
      rows
        .map(
          ([start, end]) =>
            `${JSON.stringify({ ids: values.slice(start, end), labels: labels.slice(start, end) })}\n`,
        )
        .join(''),
    );
    const common = ['--model', llama(), '--adapter', llama('adapter'), ...DEVICE];
    const logits = await graft([
      'logits',
      ...common,
      '--ids',
      values.slice(0, T).join(','),
      '--out',
      at('logits.safetensors'),
    ]);
    expect(logits.code, logits.err).toBe(0);
    const entry = (await tensorsOf(at('logits.safetensors'))).get('logits')!;
    const V = sharedJson<{ vocab_size: number }>('reference', 'families', 'llama', 'config.json').vocab_size;
    expect(entry).toMatchObject({ dtype: 'F32', shape: [T, V] });
    expect(worstError(await floats(entry), reference.get('logits_lora')!.subarray(0, T * V))).toBeLessThan(
      1e-4,
    );

    const gradients = await graft([
      'gradients',
      ...common,
      '--data',
      at('rows.jsonl'),
      '--rows',
      String(rows.length),
      '--out',
      at('grads.safetensors'),
    ]);
    expect(gradients.code, gradients.err).toBe(0);
    const ours = await tensorsOf(at('grads.safetensors'));
    const expected = (await readReference(['reference', 'families', 'llama', 'grads.safetensors'])).floats;
    expect([...ours.keys()].sort()).toEqual([...expected.keys(), 'loss'].sort());
    expect(ours.get('loss')).toMatchObject({ dtype: 'F32', shape: [1] });
    expect(Math.abs((await floats(ours.get('loss')))[0] - reference.get('loss')![0])).toBeLessThan(1e-4);
    const peft = await tensorsOf(llama('grads.safetensors'));
    for (const [name, gradient] of expected) {
      expect(ours.get(name)?.shape, name).toEqual(peft.get(name)!.shape);
      expect(worstError(await floats(ours.get(name)), gradient), name).toBeLessThan(1e-3);
    }

    const full = await graft([
      'gradients',
      '--model',
      llama(),
      '--method',
      'full',
      ...DEVICE,
      '--data',
      at('rows.jsonl'),
      '--rows',
      '1',
      '--out',
      at('full.safetensors'),
    ]);
    expect(full.code, full.err).toBe(0);
    const names = [...(await tensorsOf(at('full.safetensors'))).keys()];
    expect(names.sort()).toEqual(['loss', ...(await tensorsOf(llama('model.safetensors'))).keys()].sort());
  });
});

describe('graft plan', () => {
  const CONFIG = fileURLToPath(new URL('../fixtures/configs/SmolLM2-135M.json', import.meta.url));
  const plan = (...args: string[]): Promise<Ended> =>
    graft(['plan', '--model', at('config-only'), '--rank', '16', '--length', '512', ...args]);

  test('needs config.json alone, and says what to change where a run does not fit', async () => {
    mkdirSync(at('config-only'));
    writeFileSync(at('config-only', 'config.json'), readFileSync(CONFIG));
    const fits = await plan('--checkpointing', '--targets', 'all-linear', '--json', '-');
    expect({ code: fits.code, err: fits.err }).toEqual({ code: 0, err: '' });
    const { training, generation, problems, advice } = JSON.parse(fits.out) as Record<string, unknown>;
    expect(training).toMatchObject({ parts: { base: 269_100_416, adapter: 19_537_920 } });
    expect(generation).toMatchObject({ context: 4096, cache: 94_371_840 });
    expect({ problems, advice }).toEqual({ problems: [], advice: [] });

    const tight = await plan('--memory', '500', '--json', at('plan.json'));
    expect(tight.code).toBe(0);
    expect(tight.out).toContain('Too large: the run takes');
    expect(tight.out).toMatch(/Fits: Turn activation checkpointing on\. 4\d\d\.\d MB at the peak\./);
    expect(JSON.parse(readFileSync(at('plan.json'), 'utf8'))).toMatchObject({
      settings: { precision: 'f16', checkpointing: false },
      problems: [{ limit: 'memory' }],
    });

    const long = await plan('--length', '9000');
    expect({ code: long.code, out: long.out }).toEqual({ code: 2, out: '' });
    expect(long.err).toContain('made for at most 8192');
  });
});
