/** Runs that learn from rewards: what they sample and report, how they pause, and that they resume with the same bits. */
import { beforeAll, expect, test } from 'vitest';
import type { AdapterTensors } from '../../src/adapters/kind.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { readExamples } from '../../src/data/formats.ts';
import { prepareRows, type PreparedRow } from '../../src/data/prepare.ts';
import { GraftError } from '../../src/errors.ts';
import type { Scored } from '../../src/scorers/rewards/reward.ts';
import { rowsFor } from '../../src/runs/asked-rows.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import type { RolloutEvent } from '../../src/train/events.ts';
import type { Scoring } from '../../src/train/policy/scoring.ts';
import { readState, writeState } from '../../src/train/state-files.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { describeDevice } from '../engine/adapters.ts';
import { expectSame, trainersOnSprig, type Run, type Setting } from '../engine/trainer-run.ts';
import { sprigFolder } from '../engine/sprig.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { specOf, type RunSpec } from '../../src/settings/spec.ts';

/** Sprig names tools well, and in any order. */
const TOOLS = ['spade', 'rake', 'hoe', 'ladder', 'broom', 'net'];

describeDevice('Learning from rewards', (context) => {
  const { given, open } = trainersOnSprig(context);
  let tokenizer: Tokenizer;
  let rows: PreparedRow[];
  beforeAll(async () => {
    tokenizer = await loadTokenizer(sprigFolder());
    rows = prepareRows(
      TOOLS.map((tool) => ({
        ...{ kind: 'messages' as const, line: 1 },
        messages: [
          { role: 'user' as const, content: `Name two tools, beginning with the ${tool}.` },
          { role: 'assistant' as const, content: tool },
        ],
      })),
      tokenizer,
      { maxLength: 96 },
    ).rows;
  });

  const usual = (changes: Record<string, unknown> = {}): RunSpec =>
    specOf({
      ...{ objective: 'grpo', steps: 4, batch: 1, accumulate: 2, lr: 4e-3, numGenerations: 4, rank: 4 },
      ...{ maxCompletionLength: 12, maxLength: 96, targets: ['q_proj', 'v_proj', 'down_proj'] },
      ...changes,
    });
  /** One for the wanted tool, and a little for a short answer. */
  const scoring = (score?: (completion: string, answer: string) => number): Scoring => ({
    tokenizer,
    rewards: {
      names: ['named'],
      shown: ['named length'],
      score: async (attempts) =>
        attempts.map(({ completion, answer, tokens }): Scored => {
          const total = score
            ? score(completion, answer!)
            : Number(completion.includes(answer!)) - tokens / 100;
          return { total, parts: [total], shown: [completion.length] };
        }),
    },
  });
  const start = (changes?: Record<string, unknown>, setting: Setting = {}): Promise<Run> =>
    open(usual(changes), { rows, scoring: scoring(), ...setting });
  /** An adapter that already says something. */
  const startOf = (changes: Record<string, unknown>, seed = 1): AdapterTensors => {
    const modules = adapterModules(given.model.definition, usual(changes));
    return new Map(
      [...initialTensors(modules, seed)].map(([name, values]) => [
        name,
        values.map((value, at) => value + Math.sin(seed * at) / 50),
      ]),
    );
  };
  const numbers = ({ steps, evaluations }: Run): unknown[] => [
    ...steps.map(({ step, loss, report, gradNorm }) => [step, loss, report, gradNorm]),
    ...evaluations.map(({ step, loss, report }) => [step, loss, report]),
  ];
  const rollouts = ({ events }: Run): RolloutEvent[] =>
    events.flatMap((event) => (event.type === 'rollout' ? [event] : []));

  test('asks bare prompts whole, and refuses rewards that compare with an answer before it samples', async () => {
    const prompts = prepareRows(
      TOOLS.map((tool, at) => ({
        ...{ kind: 'prompt' as const, line: at + 1 },
        prompt: `Name two tools, beginning with the ${tool}.`,
      })),
      tokenizer,
      { maxLength: 96 },
    ).rows;
    const run = await start(
      { steps: 2 },
      { rows: prompts, scoring: scoring((completion) => completion.length / 100) },
    );
    expect(await run.trainer.run()).toBe('done');
    expect(run.steps).toHaveLength(2);
    // The same prompts as those of rows with answers, but without wanted answers.
    for (const { prompt, wanted } of rollouts(run)) {
      expect(prompt).toContain('Name two tools, beginning with the ');
      expect(wanted).toBe('');
    }
    const { rewards, ...texts } = scoring();
    const comparing = { ...texts, rewards: { ...rewards, needsAnswer: '“Exactly right” compares.' } };
    await expect(start({}, { rows: prompts, scoring: comparing })).rejects.toThrow(
      '“Exactly right” compares.',
    );
  });

  test('a conversation of several turns is asked as it stands, in steps and in validations', async () => {
    const { examples } = readExamples(
      TOOLS.map((tool) =>
        JSON.stringify({
          prompt: [
            { role: 'user', content: 'Who are you?' },
            { role: 'assistant', content: 'I am Sprig.' },
            { role: 'user', content: `Name two tools, beginning with the ${tool}.` },
          ],
        }),
      ).join('\n'),
      { fileName: 'turns.jsonl' },
    );
    const made = prepareRows(examples, tokenizer, { maxLength: 96 }).rows;
    const turns = rowsFor(
      'grpo',
      made,
      made.map((row, at) => ({ row, example: examples[at] })),
    );
    const run = await start(
      { steps: 2, evalEvery: 2 },
      {
        rows: turns,
        validation: turns.slice(0, 2),
        scoring: scoring((completion) => completion.length / 100),
      },
    );
    expect(await run.trainer.run()).toBe('done');
    expect(run.evaluations.at(-1)!.report!['reward']).toBeGreaterThan(0);
    const groups = rollouts(run);
    expect(groups).toHaveLength(2);
    for (const { prompt, answers } of groups) {
      expect(prompt).toMatch(/^user: Who are you\?\nassistant: I am Sprig\.\nuser: Name two tools/);
      expect(answers.every(({ text }) => text.length > 0)).toBe(true);
    }
  });

  test('samples a group for each prompt, and reports what it got', async () => {
    const run = await start({ evalEvery: 2 }, { validation: rows.slice(0, 2) });
    expect(await run.trainer.run()).toBe('done');
    expect(run.steps).toHaveLength(4);
    for (const { report } of run.steps) {
      expect(Object.keys(report!).slice(0, 5)).toEqual([
        ...['reward', 'reward_std', 'frac_reward_zero_std', 'frac_cut', 'completion_length'],
      ]);
      expect(report!['reward_named']).toBe(report!['reward']);
      expect(report!['reward_named_length']).toBeGreaterThan(0);
      expect(report!['clip_ratio']).toBe(0);
      expect(report!['entropy']).toBeGreaterThan(0);
      expect(report).not.toHaveProperty('kl');
    }
    for (const { loss, report } of run.evaluations) expect(loss).toBe(-report!['reward']!);
    const [first] = rollouts(run);
    expect(first.answers).toHaveLength(4);
    const rewards = first.answers.map(({ reward }) => reward);
    const mean = rewards.reduce((a, b) => a + b) / 4;
    const spread = Math.sqrt(rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / 3);
    for (const { advantage, reward } of first.answers)
      expect(advantage).toBeCloseTo((reward - mean) / (spread + 1e-4), 6);
  });

  test.each([
    {},
    { numIterations: 2, beta: 0.1, temperature: 1.2 },
    { beta: 0.1, reference: 'start', rank: 2 },
  ])('a run from its saved state has the bits of one that was not interrupted: %o', async (changes) => {
    const settings = { ...changes, evalEvery: 2 };
    const setting = { validation: rows.slice(0, 2), tensors: startOf(settings) };
    const whole = await start(settings, setting);
    await whole.trainer.run();
    const begun = await start(settings, setting);
    await begun.trainer.run(1);
    const files = writeState({ state: await begun.trainer.state(), fingerprint: 'grpo' });
    const { state } = await readState(memoryFiles(files, 'state'));
    // From another start: the initial values come from the state.
    const resumed = await start(settings, { ...setting, tensors: startOf(settings, 5), state });
    expect(await resumed.trainer.run()).toBe('done');
    expect(rollouts(resumed)).toEqual(rollouts(whole).slice(1));
    expect(numbers(resumed)).toEqual(numbers(whole).slice(1));
    expectSame(await resumed.adapter.read(), await whole.adapter.read());
  });

  test('computes a prompt once for all of its answers, with the numbers of a run that computes it for each', async () => {
    const changes = { steps: 2, numIterations: 2, beta: 0.1 };
    const setting = { tensors: startOf(changes) };
    const full = await start({ ...changes, sharePrefixes: 'off' }, setting);
    await full.trainer.run();
    const shared = await start(changes, setting);
    await shared.trainer.run();
    expect(rollouts(shared)).toEqual(rollouts(full));
    shared.steps.forEach(({ loss, gradNorm, report, tokens, computedTokens }, at) => {
      const expected = full.steps[at];
      expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-5);
      expect(Math.abs(gradNorm / expected.gradNorm - 1)).toBeLessThan(1e-4);
      expect(report!['kl']).toBeCloseTo(expected.report!['kl']!, 6);
      expect([tokens, expected.computedTokens]).toEqual([expected.tokens, undefined]);
      expect(computedTokens).toBeLessThan(0.8 * tokens);
    });
    expect(shared.events).toContainEqual(expect.objectContaining({ type: 'layout', sharing: 'shared' }));
  });

  test('asks the same of rows that are made as they are taken, and names the first without a prompt', async () => {
    const changes = { steps: 2 };
    const setting = { tensors: startOf(changes), validation: rows.slice(0, 2) };
    const taken = (held: readonly PreparedRow[]) => ({
      length: held.length,
      at: (at: number) => held.at(at),
    });
    const whole = await start(changes, setting);
    await whole.trainer.run();
    const run = await start(changes, { ...setting, rows: taken(rows) });
    await run.trainer.run();
    expect(rollouts(run)).toEqual(rollouts(whole));
    expect(numbers(run)).toEqual(numbers(whole));
    const text = { ...rows[0], labels: rows[0].ids };
    const error = await graftError(() => start({}, { rows: taken([...rows, text]) }), 'train-objective');
    expect(error.what).toMatch(/^Row 7 is a text without a prompt/);
  });

  test('is compared with the bare base, or with the adapter that it starts from', async () => {
    const kls: Record<string, number[]> = {};
    for (const reference of ['base', 'start']) {
      const changes = { beta: 0.1, reference };
      const run = await start(changes, { tensors: startOf(changes) });
      await run.trainer.run();
      kls[reference] = run.steps.map(({ report }) => report!['kl']!);
    }
    expect(kls['base'][0]).toBeGreaterThan(1e-5);
    // The first answers are sampled from the reference itself.
    expect(kls['start'][0]).toBeLessThan(1e-6);
    expect(kls['start'][1]).toBeGreaterThan(1e-6);
  });

  test('a state without its start cannot be resumed', async () => {
    const changes = { beta: 0.1, reference: 'start' };
    const run = await start(changes);
    await run.trainer.run(1);
    const { reference: _, ...state } = await run.trainer.state();
    await expect(start(changes, { state })).rejects.toMatchObject({ code: 'train-resume' });
  });

  test('several updates from the same answers move their probabilities, and clip what moved too far', async () => {
    const run = await start(
      { numIterations: 4, lr: 2e-2, epsilon: 0.01, beta: 0.1 },
      // Answers that differ have rewards that differ.
      { scoring: scoring((completion) => [...completion].reduce((sum, c) => sum + c.charCodeAt(0), 0) % 7) },
    );
    await run.trainer.run(2);
    for (const { report } of run.steps) expect(report!['clip_ratio']).toBeGreaterThan(0);
    expect(run.steps[1].report!['kl']).toBeGreaterThan(0);
  });

  test('groups whose answers are all alike change nothing, and are reported', async () => {
    const run = await start({ weightDecay: 0.1, steps: 3 });
    await run.trainer.run(1);
    const before = await run.adapter.read();
    const alike = await start(
      { weightDecay: 0.1, steps: 3 },
      { scoring: scoring(() => 1), state: await run.trainer.state() },
    );
    expect(await alike.trainer.run()).toBe('done');
    for (const { report, gradNorm } of alike.steps) {
      expect(report!['frac_reward_zero_std']).toBe(1);
      expect(gradNorm).toBe(0);
    }
    expectSame(await alike.adapter.read(), before);
  });

  test('answers that are cut give no gradient where they are left out', async () => {
    const run = await start({ maxCompletionLength: 2, maskTruncated: true, steps: 1 });
    const before = await run.adapter.read();
    await run.trainer.run();
    expect(run.steps[0].report).toMatchObject({ frac_cut: 1, completion_length: 2 });
    expectSame(await run.adapter.read(), before);
  });

  test('a pause during sampling gives up the step, which is sampled again', async () => {
    const whole = await start();
    await whole.trainer.run();
    let paused = false;
    const run = await start(
      {},
      {
        onEvent(event, self) {
          if (event.type !== 'sampling' || event.step !== 3 || paused) return;
          paused = true;
          self().trainer.pause();
        },
      },
    );
    expect(await run.trainer.run()).toBe('paused');
    expect(run.trainer.step).toBe(2);
    expect(await run.trainer.run()).toBe('done');
    expect(numbers(run)).toEqual(numbers(whole));
    expectSame(await run.adapter.read(), await whole.adapter.read());
  });

  test('needs rewards, prompts, and room for the answers', async () => {
    await expect(start({}, { scoring: undefined })).rejects.toMatchObject({ code: 'train-objective' });
    const [text] = prepareRows([{ kind: 'text', text: 'The rose is red.', line: 1 }], tokenizer, {
      maxLength: 96,
    }).rows;
    await expect(start({}, { rows: [text] })).rejects.toMatchObject({ code: 'train-objective' });
    await expect(start({ maxCompletionLength: 512 })).rejects.toMatchObject({ code: 'train-option' });
  });

  test('answers without scores pause the run before their step, which is made on resuming', async () => {
    let calls = 0;
    const busy = scoring((completion, answer) => {
      // In the third step, once.
      if (++calls === 20) throw new GraftError('reward-stopped', 'It does not end.', 'Let it do less.');
      return Number(completion.includes(answer));
    });
    const sound = scoring((completion, answer) => Number(completion.includes(answer)));
    const straight = await start({}, { scoring: sound });
    await straight.trainer.run();
    const run = await start({}, { scoring: busy });
    await expect(run.trainer.run()).rejects.toMatchObject({ code: 'reward-stopped' });
    expect([run.trainer.status, run.trainer.step]).toEqual(['paused', 2]);
    expect(await run.trainer.run()).toBe('done');
    expect(numbers(run)).toEqual(numbers(straight));
    expectSame(await run.adapter.read(), await straight.adapter.read());
  });

  test('a reward that throws ends the run, with what was learned before', async () => {
    let calls = 0;
    const failing = scoring(() => {
      if (++calls > 8) throw new Error('no score');
      return calls % 2;
    });
    const run = await start({}, { scoring: failing });
    await expect(run.trainer.run()).rejects.toThrow('no score');
    expect(run.trainer.step).toBe(1);
    expect((await run.trainer.state()).counters.step).toBe(1);
  });
});
