/** The page of bench/embedding.mjs: hands calls to a worker, where the studio computes too. */
import type { Answer, Call } from './worker.ts';

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = [];
worker.onmessage = ({ data }: MessageEvent<{ answer?: Answer; error?: string }>) => {
  const { resolve, reject } = waiting.shift()!;
  if (data.answer) resolve(data.answer);
  else reject(new Error(data.error));
};
worker.onerror = ({ message }) => waiting.shift()?.reject(new Error(message));

const call = (asked: Call): Promise<Answer> =>
  new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    worker.postMessage(asked);
  });
Object.assign(globalThis, { call });
