import { createHash } from 'node:crypto';
import type { Hash } from '../runs/fingerprint.ts';

/** Bytes that are hashed at once: Node takes no more than 2 GiB. */
export const HASH_CHUNK = 2 ** 26;

/** Node's SHA-256. */
export function sha256(): Hash {
  const hash = createHash('sha256');
  return {
    update(bytes) {
      for (let start = 0; start < bytes.length; start += HASH_CHUNK)
        hash.update(bytes.subarray(start, start + HASH_CHUNK));
    },
    hex: () => hash.digest('hex'),
  };
}

/** The same chunks, and at their end the SHA-256 of all in hex. */
export async function* hashing(
  chunks: AsyncIterable<Uint8Array>,
  atEnd: (hex: string) => void,
): AsyncGenerator<Uint8Array> {
  const hash = sha256();
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  atEnd(hash.hex());
}
