// The thread that reads PDFs in Node: see src/retrieval/watched-pdfs.ts.
import { parentPort } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { servePdfs } = await import('../retrieval/watched-pdfs.ts');
const { limitAllocations } = await import('../retrieval/allocation-limit.ts');
const serve = servePdfs((answer) => parentPort?.postMessage(answer), limitAllocations());
parentPort?.on('message', serve);
parentPort?.postMessage('ready');
