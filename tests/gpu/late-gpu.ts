/** A real GPU behind a browser that gives it no name and says late that its work is done. */
import { create, globals } from 'webgpu';

/** Dawn frees an instance without references while its devices are still in use. */
const instances: GPU[] = [];

/**
 * A `navigator.gpu` over the adapter whose name contains `name`.
 *
 * @param lateMs from the end of work until `onSubmittedWorkDone` and `mapAsync` resolve, as in Firefox, which polls every 100 ms
 */
export function nameless(name: string, lateMs: number): GPU {
  Object.assign(globalThis, globals);
  const gpu = create([`adapter=${name}`]);
  instances.push(gpu);
  return {
    requestAdapter: async (options?: GPURequestAdapterOptions) => {
      const adapter = await gpu.requestAdapter(options);
      if (!adapter) return null;
      const requestDevice = adapter.requestDevice.bind(adapter);
      return Object.defineProperties(adapter, {
        info: { value: { vendor: '', architecture: '', description: '' } },
        requestDevice: {
          value: async (wanted?: GPUDeviceDescriptor) => late(await requestDevice(wanted), lateMs),
        },
      });
    },
  } as unknown as GPU;
}

function late(device: GPUDevice, lateMs: number): GPUDevice {
  const wait = async (): Promise<undefined> => {
    if (lateMs > 0) await new Promise((resolve) => setTimeout(resolve, lateMs));
    return undefined;
  };
  const { queue } = device;
  const done = queue.onSubmittedWorkDone.bind(queue);
  queue.onSubmittedWorkDone = () => done().then(wait);
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = (...range) => mapAsync(...range).then(wait);
    return buffer;
  };
  return device;
}
