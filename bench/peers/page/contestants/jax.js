// jax-js: a jitted matmul. A transposed operand is a view that its compiler folds into the kernel.
import { defaultDevice, init, jit, numpy as np } from '@jax-js/jax';

export async function useWebGPU() {
  const devices = await init('webgpu');
  if (!devices.includes('webgpu')) throw new Error('jax-js found no WebGPU');
  defaultDevice('webgpu');
}

export async function jax({ side, a, b, layout }) {
  await useWebGPU();
  const x = np.array(a, { shape: [side, side] });
  const y = np.array(b, { shape: [side, side] });
  const product = jit((p, q) => np.matmul(p, layout === 'NT' ? np.transpose(q) : q));
  if (x.device !== 'webgpu') throw new Error(`jax-js is on ${x.device}`);
  return {
    async run() {
      const c = product(x.ref, y.ref);
      await c.blockUntilReady();
      c.dispose();
    },
    read: () => product(x.ref, y.ref).data(),
  };
}
