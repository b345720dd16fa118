/** Generation on the bundled model: settings, stops, several sequences, and switching adapters. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, promptOf, promptOfText } from '../../src/evaluate/answer.ts';
import type { GenerateOptions } from '../../src/model/generation.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { greedy, type Candidate, type Sampling } from '../../src/model/sampling.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import { openDawn } from '../../src/cli/dawn.ts';
import { GraftError } from '../../src/errors.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { mostLikely } from '../reference/sampling.ts';
import { describeDevice } from './adapters.ts';
import { sprigFolder } from './sprig.ts';
import { defaultSpec } from '../../src/settings/spec.ts';

const QUESTIONS = ['Hello', 'Who lives next to the school?', 'Is the owl awake by night?', 'What are you?'];

describeDevice('Generator', (context) => {
  let model: LanguageModel;
  let tokenizer: Tokenizer;
  let generator: Generator;
  let prompts: number[][];
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    tokenizer = await loadTokenizer(sprigFolder());
    generator = new Generator(model, QUESTIONS.length, 128);
    prompts = QUESTIONS.map((text) => promptOf(tokenizer, text));
  });
  afterAll(async () => {
    await context.device.settle();
    generator.destroy();
    await model.destroy();
  });

  const options = (changes: Partial<GenerateOptions> = {}): GenerateOptions => ({
    maxNewTokens: 24,
    sampling: greedy,
    seed: 1,
    stopIds: tokenizer.eosIds,
    ...changes,
  });

  /** An adapter that changes the model's answers. */
  function adapterOf(seed: number): Adapter {
    const modules = adapterModules(model.definition, {
      ...defaultSpec(),
      targets: ['v_proj', 'down_proj'],
    });
    const tensors = initialTensors(modules, seed);
    for (const values of tensors.values())
      values.forEach((value, i) => (values[i] = value + 0.4 * Math.sin(i * seed)));
    return new Adapter(context.device, modules, tensors, { trainable: false });
  }

  /** The greedy continuation from whole-sequence logits, without a cache. */
  async function withoutCache(
    prompt: readonly number[],
    count: number,
    adapter?: Adapter,
  ): Promise<number[]> {
    const ids = [...prompt];
    const V = model.definition.shape.vocabulary;
    for (let i = 0; i < count; i++) {
      const logits = await model.logits(ids, adapter);
      const last = logits.subarray((ids.length - 1) * V);
      ids.push(last.indexOf(Math.max(...last)));
    }
    return ids.slice(prompt.length);
  }

  test('gives with the cache the results of whole sequences, for one prompt or several of different length at once', async () => {
    const together = await generator.generate(prompts, options());
    expect(together.map(({ reason }) => reason)).toEqual(QUESTIONS.map(() => 'stop'));
    for (const [i, prompt] of prompts.entries()) {
      expect(await generator.generate([prompt], options())).toEqual([together[i]]);
      const count = Math.min(6, together[i].ids.length);
      expect(await withoutCache(prompt, count)).toEqual(together[i].ids.slice(0, count));
    }
  });

  test('answers more prompts than it has sequences, each as by itself, and says when one has ended', async () => {
    const asked = [...prompts, ...prompts.slice(1), prompts[0]];
    const ended: number[] = [];
    const answers = await generator.generate(
      asked,
      options({ onEnd: (sequence, { ids }) => void (ended[sequence] = ids.length) }),
    );
    expect(answers).toHaveLength(8);
    for (const [i, prompt] of asked.entries())
      expect(await generator.generate([prompt], options())).toEqual([answers[i]]);
    expect(ended).toEqual(answers.map(({ ids }) => ids.length));
  });

  test('samples several answers to one prompt, each as its seed alone would', async () => {
    const sampling = { ...greedy, temperature: 1.5 };
    const seeds = [3, 9, 3, 11, 5, 6];
    const group = await generator.generate(
      seeds.map(() => prompts[1]),
      options({ sampling, seeds, stopIds: [] }),
    );
    expect(group[2]).toEqual(group[0]);
    expect(new Set(group.map(({ ids }) => ids.join())).size).toBe(5);
    for (const [i, seed] of seeds.entries())
      expect(await generator.generate([prompts[1]], options({ sampling, seed, stopIds: [] }))).toEqual([
        group[i],
      ]);
  });

  test('a prompt of several replays is cached like a short one', async () => {
    const long = Array.from({ length: 6 }, () => prompts[1]).flat();
    expect(long.length).toBeGreaterThan(64);
    const [{ ids }] = await generator.generate([long], options({ maxNewTokens: 4, stopIds: [] }));
    expect(ids).toEqual(await withoutCache(long, 4));
  });

  test('the seed decides what is sampled; the most likely tokens are reported with it', async () => {
    const sampling: Sampling = {
      temperature: 1.5,
      topK: 40,
      topP: 0.98,
      minP: 0.001,
      repetitionPenalty: 1.1,
    };
    const shown: [number, readonly Candidate[]][] = [];
    const run = async (seed: number, changes: Partial<GenerateOptions> = {}): Promise<number[]> => {
      const [{ ids }] = await generator.generate(
        [prompts[1]],
        options({ sampling, seed, stopIds: [], ...changes }),
      );
      return ids;
    };
    const first = await run(7, { candidates: 5, onToken: (_, id, from) => void shown.push([id, from]) });
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
    expect(shown.map(([id]) => id)).toEqual(first);
    const V = model.definition.shape.vocabulary;
    const logits = await model.logits([...prompts[1], ...first]);
    for (const [i, [, from]] of shown.entries()) {
      const expected = mostLikely(logits.slice((prompts[1].length - 1 + i) * V).subarray(0, V), 5);
      expect(from.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      from.forEach(({ probability }, n) => expect(probability).toBeCloseTo(expected[n].probability, 4));
    }
    // A prompt beside it changes nothing.
    const [beside] = await generator.generate(
      [prompts[1], prompts[0]],
      options({ sampling, seed: 7, stopIds: [] }),
    );
    expect(beside.ids).toEqual(first);
  });

  test('top-k 1, a tiny top-p and min-p 1 are greedy at any temperature', async () => {
    const [expected] = await generator.generate([prompts[3]], options());
    for (const changes of [{ topK: 1 }, { topP: 1e-6 }, { minP: 1 }]) {
      const sampling = { ...greedy, temperature: 5, ...changes };
      expect(await generator.generate([prompts[3]], options({ sampling }))).toEqual([expected]);
    }
  });

  test('a high repetition penalty never says a token twice', async () => {
    const sampling = { ...greedy, repetitionPenalty: 1e6 };
    const [{ ids }] = await generator.generate([prompts[1]], options({ sampling, stopIds: [] }));
    expect(ids).toHaveLength(24);
    expect(new Set([...prompts[1], ...ids]).size).toBe(new Set(prompts[1]).size + ids.length);
  });

  test('adapters are switched on, to another one, and off, without loading anything again', async () => {
    const [first, second] = [adapterOf(2), adapterOf(3)];
    const [base] = await generator.generate([prompts[1]], options());
    const before = context.device.allocatedBytes;
    const say = async (adapter?: Adapter): Promise<number[]> => {
      const [{ ids }] = await generator.generate(
        [prompts[1]],
        options({ adapter, stopIds: [], maxNewTokens: 6 }),
      );
      return ids;
    };
    const expected = [await withoutCache(prompts[1], 6, first), await withoutCache(prompts[1], 6, second)];
    expect(expected[0]).not.toEqual(expected[1]);
    for (let round = 0; round < 2; round++) {
      expect(await say(first)).toEqual(expected[0]);
      expect(await say(second)).toEqual(expected[1]);
      expect(await generator.generate([prompts[1]], options())).toEqual([base]);
    }
    await context.device.settle();
    for (const adapter of [first, second]) {
      generator.forget(adapter);
      adapter.destroy();
    }
    expect(context.device.allocatedBytes).toBeLessThanOrEqual(before);
  });

  test('ends at a stop id, at the length, at the end of the cache, on request, or before it started', async () => {
    const [whole] = await generator.generate([prompts[0]], options());
    const [stopped] = await generator.generate([prompts[0]], options({ stopIds: [whole.ids[2]] }));
    expect(stopped).toEqual({ ids: whole.ids.slice(0, 2), reason: 'stop', stopId: whole.ids[2] });
    const [short] = await generator.generate([prompts[0]], options({ maxNewTokens: 3 }));
    expect(short).toEqual({ ids: whole.ids.slice(0, 3), reason: 'length' });
    expect(await generator.generate([prompts[0]], options({ maxNewTokens: 0 }))).toEqual([
      { ids: [], reason: 'length' },
    ]);
    const [told] = await generator.generate(
      [prompts[0]],
      options({ onToken: (_, id) => id === whole.ids[1] }),
    );
    expect(told).toEqual({ ids: whole.ids.slice(0, 2), reason: 'caller' });
    const long = new Array<number>(126).fill(prompts[0][1]);
    const [full] = await generator.generate([long], options({ stopIds: [] }));
    expect(full.reason).toBe('length');
    expect(full.ids).toHaveLength(2);
  });

  test('refuses prompts and options that it cannot continue with', async () => {
    const long = new Array<number>(128).fill(5);
    const error = await graftError(() => generator.generate([long], options()), 'prompt-length');
    expect(error.what).toContain('128 tokens');
    await graftError(() => generator.generate([[]], options()), 'prompt-length');
    await graftError(() => generator.generate([[5, 4_000]], options()), 'token-id');
    await graftError(
      () => generator.generate([[5]], options({ sampling: { ...greedy, topP: 2 } })),
      'sampling',
    );
  });

  test('an abort ends it after the token under way, or before the first', async () => {
    const controller = new AbortController();
    const [first, second] = await generator.generate(
      prompts.slice(0, 2),
      options({
        signal: controller.signal,
        stopIds: [],
        onToken: (sequence) => {
          if (sequence === 1) controller.abort();
        },
      }),
    );
    expect([first.reason, second.reason]).toEqual(['aborted', 'aborted']);
    expect([first.ids.length, second.ids.length]).toEqual([1, 1]);
    for (const prompt of [prompts[0], [5]]) {
      expect(await generator.generate([prompt], options({ signal: AbortSignal.abort() }))).toEqual([
        { ids: [], reason: 'aborted' },
      ]);
    }
    // A long prompt does not hold up the abort until all of it is through.
    const late = new AbortController();
    setTimeout(() => late.abort(), 0);
    const long = new Array<number>(127).fill(5);
    const [{ ids, reason }] = await generator.generate([long], options({ signal: late.signal, stopIds: [] }));
    expect({ ids, reason }).toEqual({ ids: [], reason: 'aborted' });
  });

  test('streamed pieces put together are the text, and stop strings are not part of it', async () => {
    const say = async (
      prompt: readonly number[],
      stopStrings: string[],
    ): Promise<{ text: string; reason: string; pieces: string[]; count: number }> => {
      const pieces: string[] = [];
      const [{ text, reason, newIds }] = await answer(generator, tokenizer, [prompt], {
        maxNewTokens: 24,
        sampling: greedy,
        seed: 1,
        stopStrings,
        onText: (_, piece) => pieces.push(piece),
      });
      expect(pieces.join('')).toBe(text);
      return { text, reason, pieces, count: newIds.length };
    };
    const whole = await say(prompts[0], []);
    expect(whole.reason).toBe('stop');
    expect(whole.pieces.length).toBeGreaterThan(3);
    expect(whole.text).toMatch(/^[A-Z].*[.!?]$/);
    // A stop string over the border of two pieces: the last two letters of one, the first two of the next.
    const border = whole.pieces.slice(0, 3).join('').length;
    const stop = whole.text.slice(border - 2, border + 2);
    expect(whole.text.indexOf(stop)).toBe(border - 2);
    const cut = await say(prompts[0], ['never said', stop]);
    expect(cut).toMatchObject({ text: whole.text.slice(0, border - 2), reason: 'stop' });
    expect(cut.count).toBeLessThan(whole.count);
    // Text that only looked like the beginning of a stop string is returned in the end.
    const almost = await say(prompts[0], [`${whole.text.slice(-3)}¶`, `${stop}¶`]);
    expect(almost).toMatchObject({ text: whole.text, reason: 'stop', count: whole.count });
  });

  test('answers several prompts at once as it answers them singly, even if one stops early', async () => {
    const ask = (asked: readonly number[][]): Promise<{ text: string }[]> =>
      answer(generator, tokenizer, asked, {
        maxNewTokens: 16,
        sampling: greedy,
        seed: 1,
        stopStrings: ['!'],
      });
    const all = [...prompts.slice(0, 3), promptOfText(tokenizer, 'The owl')];
    const together = await ask(all);
    for (const [i, prompt] of all.entries()) expect((await ask([prompt]))[0].text).toBe(together[i].text);
  });
});

test(
  'a device that is lost while it generates ends it with a typed error, not with a hang',
  { timeout: 120_000 },
  async () => {
    const device = await openDawn('llvmpipe');
    const model = await LanguageModel.load(device, sprigFolder(), { precision: 'f32' });
    const generator = new Generator(model, 1, 64);
    const error: unknown = await generator
      .generate([[1, 653, 202]], {
        maxNewTokens: 40,
        sampling: greedy,
        seed: 1,
        stopIds: [],
        onToken: () => device.gpu.destroy(),
      })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GraftError);
    expect((error as GraftError).code).toBe('engine-device-lost');
    generator.destroy();
    await model.destroy();
    device.close();
  },
);
