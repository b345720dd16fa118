/** Encoders of the BERT family against transformers' numbers (tests/reference/encoders). */
import { expect, test } from 'vitest';
import { copy } from '../../src/engine/ops/add.ts';
import { Tape } from '../../src/engine/tape.ts';
import { Embedder } from '../../src/model/embedder.ts';
import { Encoder } from '../../src/model/encoder.ts';
import { Observer } from '../../src/model/observer.ts';
import { readPooling, readWindow } from '../../src/model/pooling.ts';
import { INT8_WEIGHTS } from '../../src/model/weight-types.ts';
import { textIds } from '../../src/text/text-ids.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeDevice } from './adapters.ts';
import { readJsonOf, readTensorsOf, referenceFolder } from './reference-file.ts';
import { constant, worstError } from './run.ts';

interface Reference {
  observed: number[];
  texts: { text: string; ids: number[]; cut: boolean }[];
}

const SIZE = 32;

describeDevice('Encoders', (context) => {
  for (const name of ['mean', 'cls']) {
    const files = referenceFolder('encoders', name);

    test(`reads texts as the tokenizer of ${name} does, cut to its window`, async () => {
      const { texts } = await readJsonOf<Reference>(files, 'reference.json');
      const tokenizer = await loadTokenizer(files);
      const window = await readWindow(files, 64);
      expect(window).toBe(name === 'mean' ? 24 : 64);
      for (const { text, ids, cut } of texts) expect(textIds(tokenizer, text, window)).toEqual({ ids, cut });
    });

    test(`gives the vectors of ${name} in the order of the texts, one by one and together`, async () => {
      const encoder = await Encoder.load(context.device, files, { precision: 'f32' });
      const { texts } = await readJsonOf<Reference>(files, 'reference.json');
      const expected = (await readTensorsOf(files, 'reference.safetensors')).floats.get('embeddings')!;
      const settings = await readPooling(files);
      expect(settings).toEqual({ pooling: name, normalise: name === 'mean', known: true });
      const embedder = new Embedder(encoder, settings);
      const told: number[] = [];
      const rows = texts.map(({ ids }) => ids);
      const found = await embedder.embed(rows, { onProgress: (done) => told.push(done) });
      expect(worstError(found, expected)).toBeLessThan(1e-5);
      expect(told.at(-1)).toBe(texts.length);
      const one = await embedder.embed([rows[3]]);
      expect(worstError(one, expected.subarray(3 * SIZE, 4 * SIZE))).toBeLessThan(1e-5);
      // More than a replay holds.
      const many = Array.from({ length: 400 }, (_, i) => rows[i % rows.length]);
      const all = await embedder.embed(many);
      for (let i = 0; i < many.length; i++) {
        const at = (i % rows.length) * SIZE;
        expect(
          worstError(all.subarray(i * SIZE, (i + 1) * SIZE), expected.subarray(at, at + SIZE)),
        ).toBeLessThan(1e-5);
      }
      embedder.destroy();
      await encoder.destroy();
    });

    test(`observes the hidden states, attention maps and gradients of ${name}`, async () => {
      const encoder = await Encoder.load(context.device, files, { precision: 'f32' });
      const { texts, observed } = await readJsonOf<Reference>(files, 'reference.json');
      const { floats } = await readTensorsOf(files, 'reference.safetensors');
      const rows = observed.map((at) => texts[at].ids);
      const M = rows.reduce((sum, ids) => sum + ids.length, 0);
      const starts = rows.map((_, at) => rows.slice(0, at).reduce((sum, ids) => sum + ids.length, 0));
      const ranges = rows.flatMap((ids, t) => ids.flatMap(() => [starts[t], starts[t] + ids.length]));
      const weights = rows.flatMap((ids, t) =>
        Array.from({ length: M }, (_, m) => {
          if (name === 'cls') return Number(m === starts[t]);
          return m >= starts[t] && m < starts[t] + ids.length ? 1 / ids.length : 0;
        }),
      );
      const { device } = context;
      const whole = (shape: number[], values: number[]) => constant(device, shape, values, 'u32');
      const tape = new Tape(device, true);
      const observer = new Observer(tape, ['hidden.*', 'attention.*']);
      const hidden = encoder.forward(
        tape,
        {
          ids: whole([M], rows.flat()),
          positions: whole(
            [M],
            rows.flatMap((ids) => ids.map((_, at) => at)),
          ),
          types: whole([M], new Array<number>(M).fill(0)),
          keyRanges: whole([M, 2], ranges),
          queryRanges: whole([M, 2], ranges),
        },
        observer,
      );
      const vectors = encoder.pooled(
        tape,
        hidden,
        constant(device, [rows.length, M], weights),
        name === 'mean',
      );
      const kept = tape.pinned(vectors.shape, 'f32', 'vectors');
      copy(tape, vectors, kept);
      const loss = tape.tensor([1], 'f32', 'loss');
      const gradient = constant(device, [rows.length, SIZE], floats.get('gradient')!);
      tape.record([loss], [vectors], () => tape.passGradient(vectors, gradient));
      tape.backward(loss);
      const plan = await device.compile(tape, encoder.pool);
      plan.run();
      const found = await observer.read(plan);
      const embeddings = new Float32Array(await plan.read(kept));
      observed.forEach((at, t) => {
        const expected = floats.get('embeddings')!.subarray(at * SIZE, (at + 1) * SIZE);
        expect(worstError(embeddings.subarray(t * SIZE, (t + 1) * SIZE), expected)).toBeLessThan(1e-5);
      });
      for (let layer = 0; layer <= 2; layer++) {
        const { values, gradient: slope } = found.get(`hidden.${layer}`)!;
        expect(worstError(values, floats.get(`hidden.${layer}`)!), `hidden.${layer}`).toBeLessThan(1e-5);
        expect(worstError(slope!, floats.get(`d hidden.${layer}`)!), `d hidden.${layer}`).toBeLessThan(1e-4);
      }
      for (let layer = 0; layer < 2; layer++) {
        const { values, shape } = found.get(`attention.${layer}`)!;
        expect(shape).toEqual([4, M, M]);
        rows.forEach((ids, t) => {
          const expected = floats.get(`attention.${layer}.${t}`)!;
          const block = Array.from({ length: 4 * ids.length ** 2 }, (_, i) => {
            const [h, m, n] = [
              Math.floor(i / ids.length ** 2),
              Math.floor(i / ids.length) % ids.length,
              i % ids.length,
            ];
            return values[(h * M + starts[t] + m) * M + starts[t] + n];
          });
          expect(worstError(block, expected), `attention.${layer}`).toBeLessThan(1e-5);
        });
      }
      await device.settle();
      plan.destroy();
      await encoder.destroy();
    });
  }

  test.each([
    ['weights in 8 bits', { matrices: 'q8_0' }],
    ['products of bytes', INT8_WEIGHTS],
  ] as const)('gives nearly the same vectors with %s', async (_, weights) => {
    const files = referenceFolder('encoders', 'mean');
    const encoder = await Encoder.load(context.device, files, {
      precision: 'f32',
      weights,
    });
    const { texts } = await readJsonOf<Reference>(files, 'reference.json');
    const expected = (await readTensorsOf(files, 'reference.safetensors')).floats.get('embeddings')!;
    const embedder = new Embedder(encoder, await readPooling(files));
    const found = await embedder.embed(texts.map(({ ids }) => ids));
    for (let t = 0; t < texts.length; t++) {
      const cosine = found
        .subarray(t * SIZE, (t + 1) * SIZE)
        .reduce((sum, value, c) => sum + value * expected[t * SIZE + c], 0);
      expect(cosine).toBeGreaterThan(0.99);
    }
    expect(worstError(found, expected)).toBeGreaterThan(1e-5);
    embedder.destroy();
    await encoder.destroy();
  });

  test('refuses an id that the model does not have, and ends with its signal', async () => {
    const encoder = await Encoder.load(context.device, referenceFolder('encoders', 'mean'), {
      precision: 'f32',
    });
    const embedder = new Embedder(encoder, { pooling: 'mean', normalise: true });
    await graftError(() => embedder.embed([[2, 400, 3]]), 'token-id');
    await graftError(() => embedder.embed([new Array<number>(65).fill(5)]), 'sequence-length');
    await graftError(() => embedder.embed([[]]), 'sequence-length');
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(embedder.embed([[2, 3]], { signal })).rejects.toThrow('stopped');
    embedder.destroy();
    await encoder.destroy();
  });
});
