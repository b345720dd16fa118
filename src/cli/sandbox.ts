/** The sandbox of rewards in Node: its interpreter in a thread that can be ended at any time. */
import { Worker } from 'node:worker_threads';
import type { SandboxAnswer, StartSandbox } from '../scorers/sandbox/sandbox.ts';

export const startSandbox: StartSandbox = (hear, fail) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./sandbox-thread.mjs', import.meta.url));
    worker.once('message', () => {
      worker.on('message', (answer: SandboxAnswer) => hear(answer));
      // A command that is done must not wait for a thread that waits for a question.
      worker.unref();
      resolve({ ask: (question) => worker.postMessage(question), end: () => void worker.terminate() });
    });
    worker.on('error', (error) => {
      fail(error);
      reject(error);
    });
  });
