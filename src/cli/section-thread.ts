/** The thread that reads sections of a file of rows: see section-sharer.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { shareReading, type SharedReading } from './section-sharer.ts';

shareReading(workerData as SharedReading, (section) => parentPort?.postMessage(section));
