// A thread of the CPU engine in Node: see src/engine/cpu/serve.mjs.
import { parentPort, workerData } from 'node:worker_threads';
import { serve } from '../engine/cpu/serve.mjs';

parentPort?.postMessage('ready');
serve(workerData);
