/** What a chat page computes on. */
import { openInBrowser, startWorkers } from '../engine/cpu/browser.ts';
import type { Device } from '../engine/device.ts';
import { openDevice } from '../engine/webgpu/device.ts';
import { GraftError } from '../errors.ts';
import { checkDevice } from '../evaluate/check-device.ts';
import type { ChatPageDevice, KernelModules } from './protocol.ts';

export interface OpenedDevice {
  readonly device: Device;
  /** In words. */
  readonly words: string;
}

/** Called while a GPU is compared with the processor. */
type OnCheck = (done: number, total: number) => void;

/**
 * Opens the chosen device. A GPU that computes something else than the processor is not used.
 *
 * @param choice what `auto` means is decided already
 * @throws GraftError `worker-no-simd`, `engine-…`; `worker-no-webgpu` if a GPU was asked for and there is none
 */
export async function openChatDevice(
  choice: Exclude<ChatPageDevice, 'auto'> | 'gpu-if-real',
  kernels: KernelModules,
  onCheck: OnCheck,
): Promise<OpenedDevice> {
  if (choice === 'processor') return onProcessor(kernels);
  const gpu = navigator.gpu as GPU | undefined;
  if (!gpu) {
    if (choice === 'gpu-if-real') return onProcessor(kernels);
    throw new GraftError(
      'worker-no-webgpu',
      'This browser offers no WebGPU to this page.',
      'Choose the CPU under “Compute on”, or open the page by https in another browser.',
    );
  }
  try {
    const device = await openDevice(gpu);
    if (device.software && choice === 'gpu-if-real') {
      device.close();
      return await onProcessor(kernels);
    }
    const processor = await onProcessor(kernels);
    // The kernels that a software GPU gets are those that the tests run on one.
    const { differing } = device.software
      ? { differing: [] }
      : await checkDevice(device, processor.device, { onCase: onCheck });
    if (differing.length > 0) {
      device.close();
      return { ...processor, words: `${processor.words}; the GPU does not compute what it should` };
    }
    processor.device.close();
    return { device, words: nameOf(device) };
  } catch (error) {
    if (choice === 'gpu-if-real' && error instanceof GraftError) return onProcessor(kernels);
    throw error;
  }
}

async function onProcessor(kernels: KernelModules): Promise<OpenedDevice> {
  const device = await openInBrowser({
    kernels: (build) => Promise.resolve(kernels[build]),
    // The same script: its first message says what it is for.
    startThread: startWorkers(() => new Worker(self.location.href, { name: 'CPU thread' })),
  });
  return { device, words: nameOf(device) };
}

const nameOf = ({ adapter: { vendor, architecture, description } }: Device): string =>
  vendor === 'CPU' ? `the CPU, ${architecture}` : `the GPU, ${description || `${vendor} ${architecture}`}`;
