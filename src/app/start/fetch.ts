/** Files that come with the page. */
import { messageOf } from '../../errors.ts';

/** @param path under samples/ @throws Error naming it */
export async function fetchBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { fetchFile } = await import('../../answers.ts');
    return await fetchFile(new URL(`samples/${path}`, document.baseURI));
  } catch (cause) {
    throw new Error(`samples/${path}: ${messageOf(cause)}`, { cause });
  }
}
