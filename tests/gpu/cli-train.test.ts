/** `graft train` in its own processes, and other commands on its adapters. Each costs seconds, so there are few, each for several questions. */
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  DEVICE,
  DEVICE_HERE,
  floats,
  graft,
  graftHere,
  metricsOf,
  numbers,
  temporaryFolder,
  tensorsOf,
  VOICE,
} from '../engine/graft-command.ts';
import { worstError } from '../engine/run.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();

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
  /** The loss that the uninterrupted run reports. */
  let told: string;

  test('writes an adapter and a line of metrics for every step', async () => {
    const { code, err, out } = await graft([...RUN, '--out', whole()]);
    expect(err).toContain('Wrote the adapter to');
    // The loss of validation, and what the curve says.
    told =
      /^Loss .* on validation rows(?:, of the kept step \d+)?, in (?=.* s\n[A-Z][a-z ]+\. .*alidation .*\.$)/m.exec(
        err,
      )![0];
    expect({ code, out }).toEqual({ code: 0, out: '' });
    const lines = metricsOf(whole());
    expect(lines.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    for (const line of lines) {
      const keys = ['step', 'loss', 'lr', 'grad_norm', 'supervised_tokens', 'seconds'];
      // Every third step, and the last; the first has what was measured before it.
      const validated = line.step % 3 === 0 || line.step === 40 ? ['eval_loss'] : [];
      expect(Object.keys(line)).toEqual([
        ...keys,
        ...(line.step === 1 ? ['eval_loss_before'] : []),
        ...validated,
      ]);
      expect(Object.values(line).every(Number.isFinite)).toBe(true);
    }
    for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'README.md'])
      expect(existsSync(join(whole(), name)), name).toBe(true);
    expect(existsSync(join(whole(), 'state'))).toBe(false);
  });

  const adapterBytes = (path: string): Buffer => readFileSync(join(path, 'adapter_model.safetensors'));

  test('interrupted, it saves its state and says how to resume; resumed, it ends like an uninterrupted run', async () => {
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

    const other = await graftHere([...RUN, '--out', out, '--resume', out, '--overlong', 'drop']);
    expect(other.code).toBe(1);
    expect(other.err).toContain(
      'graft: The saved run had other settings (--overlong truncate-end then, drop now).',
    );

    // Like a sibling of the base: the same shape and the same bytes at both ends, but other numbers between.
    cpSync(SPRIG, at('sibling'), { recursive: true });
    const weights = readFileSync(at('sibling', 'model.safetensors'));
    const middle = Math.floor(weights.length / 2);
    weights.fill(0x3c, middle, middle + weights.length / 16);
    writeFileSync(at('sibling', 'model.safetensors'), weights);
    const sibling = await graftHere([...RUN, '--model', at('sibling'), '--out', out, '--resume', out]);
    expect(sibling.err).toMatch(/^graft: The saved run had another model\..*\n$/m);
    expect(sibling.code).toBe(1);

    // Again with a save after every step: the signal is received then too.
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
    rmSync(join(out, 'state.old'), { recursive: true, force: true });
    renameSync(join(out, 'state'), join(out, 'state.old'));
    // The output folder follows from the saved state's place.
    const third = await graft([...RUN, '--resume', out]);
    expect(third.err).toContain(`Resumed after step ${doneThen}`);
    expect(third.code).toBe(0);
    expect(readdirSync(out).filter((name) => name.startsWith('state'))).toEqual([]);
    // It describes the whole run.
    expect(third.err).toContain(told);
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toBe(
      readFileSync(join(whole(), 'README.md'), 'utf8'),
    );
    expect(numbers(metricsOf(out))).toEqual(numbers(metricsOf(whole())));
    expect(adapterBytes(out).equals(adapterBytes(whole()))).toBe(true);
  });

  test('killed, it resumes from the last state that --save-every wrote', async () => {
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
    const second = await graftHere([...RUN, '--out', out, '--save-every', '4', '--resume', out]);
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
    const text = readFileSync(statePath, 'utf8');
    const state = JSON.parse(text) as { begun: string };
    // As an earlier version saved it, without checksums.
    const sums = join(out, 'state', 'SHA256SUMS');
    renameSync(sums, at('sums'));
    writeFileSync(statePath, JSON.stringify({ ...state, begun: '2001-02-03T04:05:06' }));
    const other = await graft([...run, '--resume', out], undefined, west);
    expect(other.err).toMatch(/^graft: The saved run made other rows of the same data\..*\n$/m);

    renameSync(at('sums'), sums);
    writeFileSync(statePath, text);
    const resumed = await graft([...run, '--resume', out], undefined, west);
    expect(resumed.err).toContain('Resumed after step');
    expect(resumed.code).toBe(0);
  });

  test('an adapter that was trained changes what generate says; merged, it says the same', async () => {
    const said = async (
      ...args: string[]
    ): Promise<{ prompt_ids: number[]; new_ids: number[]; text: string }> => {
      const { code, out, err } = await graftHere([
        'generate',
        ...DEVICE_HERE,
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

    const merge = await graftHere(['merge', '--model', SPRIG, '--adapter', whole(), '--out', at('merged')]);
    expect(merge.code, merge.err).toBe(0);
    expect(await said('--model', at('merged'), ...prompt)).toEqual(tuned);
    const merged = await tensorsOf(at('merged', 'model.safetensors'));
    expect(merged.has('lm_head.weight')).toBe(false);

    // Onto a base whose embedding alone was quantised.
    const quantised = ['--embedding-weights', 'q8_0', '--out', at('quantised')];
    const other = await graftHere(['merge', '--model', SPRIG, '--adapter', whole(), ...quantised]);
    expect(other.code, other.err).toBe(0);
    const differs = async (name: string): Promise<boolean> => {
      const entry = (await tensorsOf(at('quantised', 'model.safetensors'))).get(name);
      return worstError(await floats(entry), await floats(merged.get(name))) > 0;
    };
    expect(await differs('model.embed_tokens.weight')).toBe(true);
    expect(await differs('model.layers.0.mlp.up_proj.weight')).toBe(false);

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
    // With f32 activations, a high rate alone does not make one infinite. In half precision: tests/engine/trainer.test.ts.
    const { code, err } = await graftHere([
      ...[...RUN, '--out', out, '--alpha', '1e6'],
      ...['--precision', 'f16', '--lr', '10', '--clip', '0', '--schedule', 'constant', '--warmup', '0'],
    ]);
    expect(code).toBe(1);
    // The page asks about it, the command warns.
    expect(err).toMatch(
      /^Warning: A learning rate of 10 is very high for an adapter .* 1e-3 to 1e-2 is usual\./m,
    );
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
    const trained = await graftHere([
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
    const { code, out: text } = await graftHere([
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
