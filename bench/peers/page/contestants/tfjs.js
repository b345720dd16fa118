// TensorFlow.js on its WebGPU backend.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgpu';

export async function tfjs({ side, a, b, layout }) {
  await tf.setBackend('webgpu');
  await tf.ready();
  if (tf.getBackend() !== 'webgpu') throw new Error(`tfjs is on ${tf.getBackend()}`);
  const x = tf.tensor2d(a, [side, side]);
  const y = tf.tensor2d(b, [side, side]);
  const product = () => tf.matMul(x, y, false, layout === 'NT');
  return {
    async run() {
      const c = product();
      // Reading one entry is how its authors wait for the GPU.
      const entry = tf.slice(c, [0, 0], [1, 1]);
      await entry.data();
      tf.dispose([c, entry]);
    },
    read: () => product().data(),
  };
}
