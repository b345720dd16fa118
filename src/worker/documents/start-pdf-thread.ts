/** Starts the thread that reads PDFs in a worker of this one. */
import { GraftError } from '../../errors.ts';
import type { PdfAnswer, StartPdfThread } from '../../retrieval/watched-pdfs.ts';

export const startPdfWorker: StartPdfThread = (hear, fail) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./pdf-thread.ts', import.meta.url), {
      type: 'module',
      name: 'graft pdf',
    });
    const onReady = (): void => {
      worker.addEventListener('message', ({ data }: MessageEvent<PdfAnswer | { kind?: undefined }>) => {
        // In a worker pdf.js also speaks to a pdf.js outside of it.
        if (data.kind) hear(data);
      });
      resolve({ send: (question) => worker.postMessage(question), end: () => worker.terminate() });
    };
    worker.addEventListener('message', onReady, { once: true });
    worker.addEventListener('error', ({ message }) => {
      fail(new Error(message || 'it ended'));
      reject(
        new GraftError(
          'worker-fetch',
          `What reads PDFs could not be loaded: ${message || 'no answer'}.`,
          'Check the connection, then try again; after the first use it is kept for use offline.',
        ),
      );
    });
  });
