// onnxruntime-web on its WebGPU execution provider: a one-node model, with inputs and output kept on the GPU.
import * as runtime from 'onnxruntime-web/webgpu';
import wasmModule from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import { productModel } from '../onnx.js';

runtime.env.wasm.numThreads = 1;
runtime.env.wasm.wasmPaths = { mjs: wasmModule, wasm };

export async function ort({ side, a, b, layout }) {
  const session = await runtime.InferenceSession.create(productModel(side, layout === 'NT'), {
    // No fallback: a node that WebGPU does not take is an error.
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  });
  const device = await runtime.env.webgpu.device;
  const upload = (data) => {
    const buffer = device.createBuffer({
      size: data.byteLength,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    });
    device.queue.writeBuffer(buffer, 0, data);
    return runtime.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: [side, side] });
  };
  const inputs = { a: upload(a), b: upload(b) };
  return {
    async run() {
      const { c } = await session.run(inputs);
      if (c.location !== 'gpu-buffer') throw new Error(`onnxruntime-web left its result in ${c.location}`);
      await device.queue.onSubmittedWorkDone();
      c.dispose();
    },
    async read() {
      const { c } = await session.run(inputs);
      return c.getData(true);
    },
  };
}
