/** Starts the thread that reads PDFs in Node. */
import { Worker } from 'node:worker_threads';
import type { PdfAnswer, StartPdfThread } from '../retrieval/watched-pdfs.ts';

/** The heap of the thread: what pdf.js makes of the largest page. Without it, it has that of the process. */
const HEAP_MEBIBYTES = 1536;

export const startPdfThread: StartPdfThread = (hear, fail) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./pdf-thread.mjs', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEBIBYTES },
    });
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
