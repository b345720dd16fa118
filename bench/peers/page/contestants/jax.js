// jax-js: a jitted matmul. A transposed operand is a view that its compiler folds into the kernel.
import { defaultDevice, init, jit, numpy as np } from '@jax-js/jax';

/** @param {'webgpu' | 'wasm'} device */
export async function useDevice(device) {
  const devices = await init(device);
  if (!devices.includes(device)) throw new Error(`jax-js found no ${device}`);
  defaultDevice(device);
}

/** @param {'webgpu' | 'wasm'} device */
export const jaxOn =
  (device) =>
  async ({ side, a, b, layout }) => {
    await useDevice(device);
    const x = np.array(a, { shape: [side, side] });
    const y = np.array(b, { shape: [side, side] });
    const product = jit((p, q) => np.matmul(p, layout === 'NT' ? np.transpose(q) : q));
    if (x.device !== device) throw new Error(`jax-js is on ${x.device}`);
    return {
      async run() {
        const c = product(x.ref, y.ref);
        await c.blockUntilReady();
        c.dispose();
      },
      read: () => product(x.ref, y.ref).data(),
    };
  };
