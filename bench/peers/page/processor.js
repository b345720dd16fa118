// The same contests on the processor, in a worker: threads that wait for each other may not be a page's own.
const worker = () => new Worker(new URL('./processor-worker.js', import.meta.url), { type: 'module' });

const ask = (what) => (options) =>
  new Promise((resolve, reject) => {
    const contest = worker();
    contest.onmessage = ({ data }) => {
      contest.terminate();
      if (data.error) reject(new Error(data.error));
      else resolve({ adapter: { vendor: 'CPU', architecture: 'WebAssembly', description: '' }, ...data });
    };
    contest.onerror = ({ message }) => reject(new Error(message));
    contest.postMessage({ what, options });
  });

export const matmulOnProcessor = ask('matmul');
export const trainStepOnProcessor = ask('train-step');
