// The step in jax-js, whole in one jit: loss, gradients and AdamW, with the state handed from step to step on the device.
import { blockUntilReady, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { numbers } from '../measure.js';
import { useDevice } from './jax.js';

/**
 * @param {'webgpu' | 'wasm'} device
 * @returns a function that does one step and gives its loss, once the device has done it
 */
export async function jaxTrainStep(config, device) {
  await useDevice(device);
  const { L, C, H, F, V, B, T, lr, beta1, beta2, eps, weightDecay, normEps, ropeTheta } = config;
  const D = C / H;

  const weight = (rows, columns, seed) =>
    np.array(
      numbers(rows * columns, seed).map((x) => x * 0.1),
      { shape: [rows, columns] },
    );
  const makeParams = () => ({
    embed: weight(V, C, 1),
    head: weight(V, C, 2),
    norm: np.ones([C]),
    layers: Array.from({ length: L }, (_, i) => ({
      norm1: np.ones([C]),
      q: weight(C, C, 10 * i + 11),
      k: weight(C, C, 10 * i + 12),
      v: weight(C, C, 10 * i + 13),
      o: weight(C, C, 10 * i + 14),
      norm2: np.ones([C]),
      gate: weight(F, C, 10 * i + 15),
      up: weight(F, C, 10 * i + 16),
      down: weight(C, F, 10 * i + 17),
    })),
  });

  const angles = Array.from({ length: T }, (_, t) =>
    Array.from({ length: D / 2 }, (_, i) => t * ropeTheta ** ((-2 * i) / D)),
  );
  const table = (f) => np.array(Float32Array.from(angles.flat().map(f)), { shape: [1, T, 1, D / 2] });
  const cos = table(Math.cos);
  const sin = table(Math.sin);

  const linear = (x, w) => np.matmul(x, np.transpose(w));
  const rmsNorm = (x, w) => {
    const mean = np.mean(np.square(x.ref), -1, { keepdims: true });
    return x.div(np.sqrt(mean.add(normEps))).mul(w);
  };
  const rope = (x, c, s) => {
    const [first, second] = np.split(x, 2, -1);
    const left = first.ref.mul(c.ref).sub(second.ref.mul(s.ref));
    const right = second.mul(c).add(first.mul(s));
    return np.concatenate([left, right], -1);
  };

  const forward = (params, inputs, c, s) => {
    // A gather as a product with one-hot rows: its gradient is a product too.
    let x = np.matmul(inputs, params.embed);
    for (const layer of params.layers) {
      const h = rmsNorm(x.ref, layer.norm1);
      const heads = (w, y) => linear(y, w).reshape([B, T, H, D]);
      const q = rope(heads(layer.q, h.ref), c.ref, s.ref);
      const k = rope(heads(layer.k, h.ref), c.ref, s.ref);
      const v = heads(layer.v, h);
      const attended = nn.dotProductAttention(q, k, v, { isCausal: true });
      x = x.add(linear(attended.reshape([B * T, C]), layer.o));
      const g = rmsNorm(x.ref, layer.norm2);
      const up = linear(g.ref, layer.up);
      x = x.add(linear(nn.silu(linear(g, layer.gate)).mul(up), layer.down));
    }
    c.dispose();
    s.dispose();
    return linear(rmsNorm(x, params.norm), params.head);
  };

  const lossOf = (params, inputs, targets, c, s) => {
    const logProbabilities = nn.logSoftmax(forward(params, inputs, c, s), -1);
    return logProbabilities
      .mul(targets)
      .sum()
      .mul(-1 / (B * T));
  };

  const step = jit((params, m, v, rates, inputs, targets, c, s) => {
    const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(params), inputs, targets, c, s);
    // rates: 1 / (1 − β₁ᵗ) and 1 / (1 − β₂ᵗ), data so that the compiled step stays the same.
    const [first, second] = np.split(rates, 2, 0);
    const nextM = tree.map((old, g) => old.mul(beta1).add(g.mul(1 - beta1)), m, tree.ref(gradients));
    const nextV = tree.map((old, g) => old.mul(beta2).add(np.square(g).mul(1 - beta2)), v, gradients);
    const next = tree.map(
      (p, a, b) => {
        const update = a.mul(first.ref).div(np.sqrt(b.mul(second.ref)).add(eps));
        return p.mul(1 - lr * weightDecay).sub(update.mul(lr));
      },
      params,
      tree.ref(nextM),
      tree.ref(nextV),
    );
    first.dispose();
    second.dispose();
    return [next, nextM, nextV, loss];
  });

  const ids = Array.from(numbers(B * (T + 1), 5), (x) => Math.floor((x + 0.5) * V));
  const row = (shift) =>
    Int32Array.from({ length: B * T }, (_, i) => ids[Math.floor(i / T) * (T + 1) + (i % T) + shift]);
  const oneHot = (values) => {
    const data = new Float32Array(B * T * V);
    values.forEach((id, i) => (data[i * V + id] = 1));
    return np.array(data, { shape: [B * T, V] });
  };
  const inputs = oneHot(row(0));
  const targets = oneHot(row(1));

  let params = makeParams();
  let m = tree.map((p) => np.zeros(p.shape), params);
  let v = tree.map((p) => np.zeros(p.shape), params);
  let count = 0;
  return async () => {
    count++;
    const rates = np.array(new Float32Array([1 / (1 - beta1 ** count), 1 / (1 - beta2 ** count)]));
    let loss;
    [params, m, v, loss] = step(params, m, v, rates, inputs.ref, targets.ref, cos.ref, sin.ref);
    await blockUntilReady(params);
    return (await loss.data())[0];
  };
}
