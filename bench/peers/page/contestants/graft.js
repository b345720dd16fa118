// Graft's engine, as its trainer uses it: recorded once, replayed.
import { matmul } from '../../../../src/engine/ops/matmul.ts';
import { Tape } from '../../../../src/engine/tape.ts';
import { openDevice } from '../../../../src/engine/webgpu/device.ts';
import { measureTuning } from '../../../../src/engine/webgpu/measure-tuning.ts';

let gpu;

/** The GPU, with its kernels chosen by measurement as in the product. */
export async function openGpu() {
  if (!gpu) {
    gpu = await openDevice(navigator.gpu);
    gpu.tuning = await measureTuning(gpu);
  }
  return gpu;
}

/** @param open opens the device */
export const graftOn =
  (open) =>
  async ({ side, a, b, layout }) => {
    const device = await open();
    const shape = [side, side];
    const tape = new Tape(device);
    const c = matmul(tape, {
      a: device.upload(shape, 'f32', 'A', a),
      b: device.upload(shape, 'f32', 'B', b),
      layout,
      c: tape.pinned(shape, 'f32', 'C'),
    });
    const plan = await device.compile(tape, device.createPool());
    return {
      async run() {
        plan.run();
        await device.settle();
      },
      read: async () => new Float32Array(await plan.read(c)),
    };
  };
