// Graft's engine, as its trainer uses it: recorded once, replayed.
import { openDevice } from '../../../../src/engine/device.ts';
import { matmul } from '../../../../src/engine/ops/matmul.ts';
import { BufferPool, Plan } from '../../../../src/engine/plan.ts';
import { Tape } from '../../../../src/engine/tape.ts';

let device;

export async function graft({ side, a, b, layout }) {
  device ??= await openDevice(navigator.gpu);
  const shape = [side, side];
  const tape = new Tape(device);
  const c = matmul(tape, {
    a: device.upload(shape, 'f32', 'A', a),
    b: device.upload(shape, 'f32', 'B', b),
    layout,
    c: tape.pinned(shape, 'f32', 'C'),
  });
  const plan = await Plan.compile(device, tape, new BufferPool(device));
  return {
    async run() {
      plan.run();
      await device.settle();
    },
    read: async () => new Float32Array(await plan.read(c)),
  };
}
