// The thread of the sandbox in Node: see src/rewards/sandbox.ts.
import { parentPort } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { answerTo } = await import('../rewards/interpreter.ts');
parentPort?.on('message', async (question) => parentPort?.postMessage(await answerTo(question)));
parentPort?.postMessage('ready');
