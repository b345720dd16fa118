// The thread that hashes a file in Node: see src/cli/file-hash.ts.
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

const { handle, length } = workerData;
const hash = createHash('sha256');
const piece = Buffer.allocUnsafeSlow(2 ** 20);
let done = 0;
while (done < length) {
  const read = readSync(handle, piece, 0, Math.min(piece.length, length - done), done);
  if (read === 0) throw new Error(`The file ended at byte ${done}`);
  hash.update(piece.subarray(0, read));
  done += read;
}
parentPort?.postMessage(hash.digest('hex'));
