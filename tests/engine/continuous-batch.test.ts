/** Continuous batching on the bundled model: requests that join and leave get what they get without others. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { promptOf } from '../../src/evaluate/answer.ts';
import type { BatchRequest } from '../../src/model/batch-places.ts';
import { ContinuousBatch } from '../../src/model/continuous-batch.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { greedy, type Sampling } from '../../src/model/sampling.ts';
import { defaultSpec } from '../../src/settings/spec.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { jsonTokensOf } from '../../src/text/json-tokens.ts';
import { describeDevice } from './adapters.ts';
import { sprigFolder } from './sprig.ts';

const QUESTIONS = ['Hello', 'Who lives next to the school?', 'Is the owl awake by night?', 'What are you?'];
const WARM: Sampling = { ...greedy, temperature: 1.2, topP: 0.95 };

describeDevice('ContinuousBatch', (context) => {
  let model: LanguageModel;
  let tokenizer: Tokenizer;
  let alone: Generator;
  let batch: ContinuousBatch;
  let adapter: Adapter;
  let prompts: number[][];
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    tokenizer = await loadTokenizer(sprigFolder());
    alone = new Generator(model, 1, 192);
    batch = new ContinuousBatch(model, 3, 192);
    prompts = QUESTIONS.map((text) => promptOf(tokenizer, text));
    const modules = adapterModules(model.definition, { ...defaultSpec(), targets: ['v_proj', 'down_proj'] });
    const tensors = initialTensors(modules, 2);
    for (const values of tensors.values())
      values.forEach((value, i) => (values[i] = value + 0.4 * Math.sin(2 * i)));
    adapter = new Adapter(context.device, modules, tensors, { trainable: false });
  });
  afterAll(async () => {
    await batch.destroy();
    await context.device.settle();
    alone.destroy();
    adapter.destroy();
    await model.destroy();
  });

  const request = (prompt: readonly number[], changes: Partial<BatchRequest> = {}): BatchRequest => ({
    ...{ prompt, maxNewTokens: 24, sampling: greedy, seed: 1, stopIds: tokenizer.eosIds },
    ...changes,
  });
  const expected = async ({ prompt, ...options }: BatchRequest): Promise<number[]> =>
    (await alone.generate([prompt], { ...options, constraint: undefined, onToken: undefined }))[0].ids;
  const without = async (one: BatchRequest): Promise<object> => ({ ids: await expected(one) });

  test('answers more requests than it has places as singly, with their own sampling, adapters and lengths', async () => {
    const long = Array.from({ length: 4 }, () => prompts[1]).flat();
    const asked = [
      ...prompts.map((prompt) => request(prompt)),
      request(long, { maxNewTokens: 5, stopIds: [] }),
      request(prompts[0], { sampling: WARM, seed: 7, stopIds: [] }),
      request(prompts[2], { adapter, stopIds: [], maxNewTokens: 9 }),
      request(prompts[2], { adapter, sampling: WARM, seed: 3, stopIds: [] }),
      request(prompts[3], { sampling: { ...greedy, repetitionPenalty: 1e6 }, stopIds: [] }),
      request(prompts[3], { maxNewTokens: 1 }),
    ];
    const answers = await Promise.all(asked.map((one) => batch.generate(one)));
    for (const [i, one] of asked.entries()) expect([i, answers[i]]).toMatchObject([i, await without(one)]);
    expect(answers.map(({ reason }) => reason)).toEqual([
      ...Array<string>(4).fill('stop'),
      ...Array<string>(6).fill('length'),
    ]);
  });

  test('sequences that may not write every token are chosen among the others, which get what they get without', async () => {
    const any = new Uint32Array(Math.ceil(tokenizer.vocabSize / 32)).fill(0xffffffff);
    const free = { allowed: () => any, take: () => false };
    const json = (): BatchRequest['constraint'] => jsonTokensOf(tokenizer, 'sprig').begin();
    const repeats: Sampling = { ...greedy, repetitionPenalty: 1.3 };
    const plain = [
      request(prompts[0]),
      request(prompts[1], { sampling: WARM, seed: 7, stopIds: [] }),
      request(prompts[2], { adapter, sampling: repeats, stopIds: [] }),
    ];
    const objects = [
      request(prompts[1], { constraint: json(), candidates: 3, maxNewTokens: 60 }),
      request(prompts[1], { constraint: json(), candidates: 3, maxNewTokens: 60 }),
      request(prompts[3], { constraint: json(), adapter, sampling: WARM, seed: 5, maxNewTokens: 8 }),
    ];
    const logs: number[] = [];
    const [answers, [first, second, cut], unbound] = await Promise.all([
      Promise.all(plain.map((one) => batch.generate(one))),
      Promise.all(
        objects.map((one, at) =>
          batch.generate({ ...one, onToken: (_, __, log) => void (at === 0 && logs.push(log!)) }),
        ),
      ),
      Promise.all(
        plain
          .filter(({ sampling }) => sampling.temperature === 0)
          .map((one) => batch.generate({ ...one, constraint: free })),
      ),
    ]);
    for (const [i, one] of plain.entries()) expect([i, answers[i]]).toMatchObject([i, await without(one)]);
    expect(unbound.map(({ ids }) => ids)).toEqual([answers[0].ids, answers[2].ids]);
    expect(JSON.parse(tokenizer.decode(first.ids))).toBeInstanceOf(Object);
    expect(first.reason).toBe('stop');
    expect(second.ids).toEqual(first.ids);
    expect(logs).toHaveLength(first.ids.length);
    for (const log of logs) expect(log).toBeLessThanOrEqual(0);
    expect(tokenizer.decode(cut.ids)).toMatch(/^\s*(\{|$)/);
  });

  test('a request joins others that are in progress', async () => {
    const late = request(prompts[1]);
    let joined: Promise<{ readonly ids: number[] }> | undefined;
    const first = request(prompts[2], {
      stopIds: [],
      onToken: () => void (joined ??= batch.generate(late)),
    });
    expect(await batch.generate(first)).toMatchObject(await without(first));
    expect(await joined).toMatchObject(await without(late));
  });

  test('an aborted request ends at the next token, also one that waits, and the others continue', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    let seen = 0;
    const running = batch.generate(
      request(prompts[0], {
        ...{ signal, stopIds: [], maxNewTokens: 100 },
        onToken: () => {
          if (++seen === 3) controller.abort();
        },
      }),
    );
    const others = prompts.map((prompt) => request(prompt, { stopIds: [] }));
    const answers = others.map((one) => batch.generate(one));
    const waiting = batch.generate(request(prompts[0], { signal }));
    expect(await running).toMatchObject({ reason: 'aborted', ids: { length: 3 } });
    expect(await waiting).toMatchObject({ reason: 'aborted', ids: [] });
    for (const [i, one] of others.entries()) expect(await answers[i]).toMatchObject(await without(one));
  });

  test('reads a prompt that starts like an earlier one from there on, with the same tokens', async () => {
    const before = Array.from({ length: 5 }, () => prompts[1]).flat();
    const one = request([...before, ...prompts[2]], { stopIds: [], maxNewTokens: 12 });
    const read = async (asked: BatchRequest): Promise<number> => {
      const answer = await batch.generate(asked);
      expect(answer).toMatchObject(await without(asked));
      return answer.cachedTokens;
    };
    await read(request(before, { maxNewTokens: 3 }));
    expect(await read(one)).toBe(before.length - 1);
    expect(await read(one)).toBe(one.prompt.length - 1);
    // What an adapter read is another thing.
    expect(await read({ ...one, adapter })).toBe(0);
    expect(await read({ ...one, sampling: WARM })).toBe(one.prompt.length - 1);
  });

  test('computes what prompts have in common once, however they come, with the same tokens', async () => {
    const before = Array.from({ length: 6 }, () => prompts[0]).flat();
    const asked = [
      ...[1, 2, 1, 3].map((at) => request([...before, ...prompts[at]], { stopIds: [], maxNewTokens: 6 })),
      // Another beginning, and the same with another adapter.
      request([...before.slice(0, 3), ...before], { stopIds: [], maxNewTokens: 6 }),
      request([...before, ...prompts[1]], { adapter, stopIds: [], maxNewTokens: 6 }),
    ];
    const fresh = new ContinuousBatch(model, 4, 192);
    const answers = await Promise.all(asked.map((one) => fresh.generate(one)));
    for (const [i, one] of asked.entries()) expect([i, answers[i]]).toMatchObject([i, await without(one)]);
    const [first, second, third, fourth, other, adapted] = answers.map(({ cachedTokens }) => cachedTokens);
    expect(first).toBe(0);
    for (const cached of [second, fourth]) expect(cached).toBeGreaterThanOrEqual(before.length);
    // The whole of it but the last token, which chooses the next.
    expect(third).toBe(asked[2].prompt.length - 1);
    expect(other).toBeLessThan(before.length);
    expect(adapted).toBe(0);
    await fresh.destroy();
  });

  test('a token is reported with the logarithm of its probability', async () => {
    const shown: (readonly [number, number])[] = [];
    await batch.generate(
      request(prompts[1], {
        ...{ sampling: { ...WARM, temperature: 3 }, stopIds: [], maxNewTokens: 6, candidates: 1 },
        onToken: (id, _, logProbability) => void shown.push([id, logProbability!]),
      }),
    );
    const V = model.definition.shape.vocabulary;
    const logits = await model.logits([...prompts[1], ...shown.map(([id]) => id)]);
    for (const [i, [id, value]] of shown.entries()) {
      const row = logits.subarray((prompts[1].length - 1 + i) * V).subarray(0, V);
      const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
      expect(value).toBeCloseTo(row[id] - Math.log(total), 3);
    }
  });

  test('refuses prompts that it cannot continue, and ends only the request that fails', async () => {
    await graftError(() => batch.generate(request([])), 'prompt-length');
    await graftError(() => batch.generate(request(Array<number>(192).fill(1))), 'prompt-length');
    await graftError(() => batch.generate(request([1e6])), 'token-id');
    const failing = batch.generate(
      request(prompts[0], {
        onToken: () => {
          throw new Error('its client is gone');
        },
      }),
    );
    const fine = request(prompts[1]);
    const answer = batch.generate(fine);
    await expect(failing).rejects.toThrow('its client is gone');
    expect(await answer).toMatchObject(await without(fine));
  });
});
