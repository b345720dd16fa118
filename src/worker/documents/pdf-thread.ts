/** The thread that reads PDFs in the browser. See src/retrieval/watched-pdfs.ts. */
import type { PdfQuestion } from '../../retrieval/watched-pdfs.ts';

// Nothing is awaited at the top level: a module that is loaded here may import a chunk that waits for this one.
async function begin(): Promise<void> {
  const [{ servePdfs }, { limitAllocations }] = await Promise.all([
    import('../../retrieval/watched-pdfs.ts'),
    import('../../retrieval/allocation-limit.ts'),
  ]);
  const serve = servePdfs((answer) => postMessage(answer), limitAllocations());
  addEventListener('message', ({ data }: MessageEvent<PdfQuestion>) => serve(data));
  postMessage('ready');
}
// Offline, before it was kept: an error of the worker.
begin().catch((error: unknown) => reportError(error));
