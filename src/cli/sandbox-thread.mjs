// The thread of the sandbox in Node: see src/scorers/sandbox/sandbox.ts.
import { parentPort } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { answerTo, loadInterpreter } = await import('../scorers/sandbox/interpreter.ts');
await loadInterpreter();
parentPort?.on('message', async (question) => parentPort?.postMessage(await answerTo(question)));
parentPort?.postMessage('ready');
