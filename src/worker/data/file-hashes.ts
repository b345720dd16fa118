/** Hashes of files that are not in memory: WebCrypto takes a whole file at once. */
import { readPart, contentSize } from '../../data/file-content.ts';
import type { DataFile, OtherFiles } from '../../data/options.ts';
import { Sum } from '../../weights/sums.ts';

const HASHED_AT_ONCE = 4 * 2 ** 20;

interface Files extends OtherFiles {
  readonly file: DataFile;
}

/**
 * Files with the hashes of those that are not in memory.
 *
 * @param pause awaited after each piece of a file, with the bytes that are hashed and all of them
 * @throws GraftError `file-gone`, and what `pause` throws
 */
export async function withHashes<Hashed extends Files>(
  files: Hashed,
  pause: (done: number, total: number) => Promise<void> | undefined = () => undefined,
): Promise<Hashed> {
  const { file, heldOut, more } = files;
  const all = [file, ...(heldOut ? [heldOut] : []), ...(more ?? [])];
  const total = all.reduce((sum, one) => sum + (isHashed(one) ? 0 : contentSize(one.bytes)), 0);
  let done = 0;
  const hashed = async (one: DataFile): Promise<DataFile> => {
    const { bytes } = one;
    if (isHashed(one) || !(bytes instanceof Blob)) return one;
    const sum = new Sum();
    for (let start = 0; start < bytes.size; start += HASHED_AT_ONCE) {
      const piece = await readPart(bytes, start, start + HASHED_AT_ONCE);
      sum.add(piece);
      await pause((done += piece.length), total);
    }
    return { ...one, sha256: sum.hex() };
  };
  const others: DataFile[] = [];
  const first = await hashed(file);
  const test = heldOut && (await hashed(heldOut));
  for (const one of more ?? []) others.push(await hashed(one));
  return { ...files, file: first, ...(test && { heldOut: test }), ...(more && { more: others }) };
}

const isHashed = ({ bytes, sha256 }: DataFile): boolean => sha256 !== undefined || !(bytes instanceof Blob);
