// The contests on the processor run in a worker: threads that wait for each other may not be a page's own.

/** A worker of its own, asked one thing at a time. */
export function onProcessor() {
  const worker = new Worker(new URL('./processor-worker.js', import.meta.url), { type: 'module' });
  return {
    ask: (what, options) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage({ what, options });
      }),
    close: () => worker.terminate(),
  };
}

const contest = (what) => async (options) => {
  const { ask, close } = onProcessor();
  try {
    const found = await ask(what, options);
    return { adapter: { vendor: 'CPU', architecture: 'WebAssembly', description: '' }, ...found };
  } finally {
    close();
  }
};

export const matmulOnProcessor = contest('matmul');
export const trainStepOnProcessor = contest('train-step');
export const trainModelOnProcessor = contest('train-model');
