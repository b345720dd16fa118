/** The sandbox of rewards in the browser: its interpreter in a worker of this one, which can be ended at any time. */
import type { SandboxAnswer, StartSandbox } from '../../scorers/sandbox/sandbox.ts';

/** Starts a worker with the interpreter of a person's own code; resolves when it is ready, and rejects with why it cannot be. */
export const startSandboxWorker: StartSandbox = (hear, fail) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./sandbox-thread.ts', import.meta.url), {
      type: 'module',
      name: 'graft sandbox',
    });
    const onReady = ({ data: trouble }: MessageEvent<string>): void => {
      if (trouble !== '') {
        worker.terminate();
        reject(new Error(trouble));
        return;
      }
      worker.addEventListener('message', ({ data }: MessageEvent<SandboxAnswer>) => hear(data));
      resolve({ ask: (question) => worker.postMessage(question), end: () => worker.terminate() });
    };
    worker.addEventListener('message', onReady, { once: true });
    worker.addEventListener('error', ({ message }) => {
      const error = new Error(message || 'it did not start');
      fail(error);
      reject(error);
    });
  });
