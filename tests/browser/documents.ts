/** What tests of documents on the page share: an encoder as it comes from elsewhere, and the vectors that are kept. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { referencePath } from '../engine/reference-file.ts';

/** Writes the folder of an encoder as it is without safetensors. @returns its path */
export function onnxOnly(parent: string): string {
  const folder = join(parent, 'only-onnx');
  cpSync(referencePath('encoders', 'mean'), folder, { recursive: true });
  rmSync(join(folder, 'model.safetensors'));
  rmSync(join(folder, 'reference.safetensors'));
  return folder;
}

/** The vectors of all chunks, in the order of the files. */
export const vectorsKept = (page: Page): Promise<number[]> =>
  page.evaluate(async () => {
    const opened = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(new Error(String(request.error)));
      });
    const database = await opened(indexedDB.open('graft'));
    const store = database.transaction('document-vectors').objectStore('document-vectors');
    const kept = (await opened(store.getAll())) as { vectors: Float32Array }[];
    database.close();
    return kept.flatMap(({ vectors }) => [...vectors]);
  });

/** The least cosine of the vectors of a chunk, all of length 1. */
export function leastCosine(a: readonly number[], b: readonly number[], size: number): number {
  const cosines = Array.from({ length: a.length / size }, (_, row) =>
    Array.from({ length: size }, (__, i) => row * size + i).reduce((sum, at) => sum + a[at] * b[at], 0),
  );
  return Math.min(...cosines);
}
