/** Starts the thread that reads PDFs in Node. */
import { Worker } from 'node:worker_threads';
import type { PdfAnswer, StartPdfThread } from '../retrieval/watched-pdfs.ts';

export const startPdfThread: StartPdfThread = (hear, fail) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./pdf-thread.mjs', import.meta.url));
    worker.once('message', () => {
      worker.on('message', (answer: PdfAnswer) => hear(answer));
      // A command that is done must not wait for a thread that waits for a file.
      worker.unref();
      resolve({ send: (question) => worker.postMessage(question), end: () => void worker.terminate() });
    });
    worker.on('error', (error) => {
      fail(error);
      reject(error);
    });
  });
