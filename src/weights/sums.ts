/**
 * SHA256SUMS, the checksums of a folder in the form of sha256sum (GNU coreutils): 64 hex digits, two spaces and a name on each line. An export writes it,
 * an import checks what it reads, and `sha256sum -c SHA256SUMS` does the same elsewhere.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { GraftError } from '../errors.ts';
import { readTextFile } from '../json.ts';
import type { FileSet } from './bytes.ts';

export const SUMS = 'SHA256SUMS';

/** Names, with '/' between folders, and SHA-256 in hex. */
export type Sums = ReadonlyMap<string, string>;

const MAX_BYTES = 2 ** 20;
/** Bytes that are read at once. */
const CHUNK = 4 * 2 ** 20;
const HEX_DIGITS = 64;

/** The content of the file, in the order of the map. */
export const sumsText = (sums: Sums): string => [...sums].map(([name, hex]) => `${hex}  ${name}\n`).join('');

/** The size of that content in bytes, before the checksums are known. */
export const sumsBytes = (names: readonly string[]): number =>
  new TextEncoder().encode(sumsText(new Map(names.map((name) => [name, '0'.repeat(HEX_DIGITS)])))).byteLength;

/** SHA-256 of chunks. */
export class Sum {
  readonly #hash = sha256.create();

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  hex(): string {
    return bytesToHex(this.#hash.digest());
  }
}

/** Files in memory with their checksums as a further one. */
export function withSums(
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
): Readonly<Record<string, Uint8Array<ArrayBuffer>>> {
  const sums = new Map(
    Object.entries(files).map(([name, bytes]) => [name, bytesToHex(sha256(bytes))] as const),
  );
  return { ...files, [SUMS]: new TextEncoder().encode(sumsText(sums)) };
}

/** @throws GraftError `sums-form`, naming the line */
export function parseSums(text: string, where: string): Sums {
  const sums = new Map<string, string>();
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line === '') continue;
    const [, hex, name] = /^([0-9a-fA-F]{64}) [ *](.+)$/.exec(line) ?? [];
    if (hex === undefined)
      throw new GraftError(
        'sums-form',
        `Line ${at + 1} of ${where} is not a checksum and a name.`,
        'Fetch the folder again, or delete this file to read the folder without it.',
      );
    sums.set(name.replace(/^\.\//, ''), hex.toLowerCase());
  }
  return sums;
}

/**
 * Checks files of a folder against its SHA256SUMS, if it has one. A file that is missing, or is not in the list, is not checked.
 *
 * @throws GraftError `sums-changed`, naming the file; `sums-form`; as `readTextFile`
 */
export async function checkSums(folder: FileSet, names: readonly string[]): Promise<void> {
  const text = await readTextFile(folder, SUMS, MAX_BYTES);
  if (text === undefined) return;
  const sums = parseSums(text, `${folder.name}/${SUMS}`);
  for (const name of names) {
    const [wanted, file] = [sums.get(name), await folder.open(name)];
    if (wanted === undefined || !file) continue;
    const sum = new Sum();
    for (let start = 0; start < file.size; start += CHUNK)
      sum.add(await file.read(start, Math.min(start + CHUNK, file.size)));
    if (sum.hex() !== wanted)
      throw new GraftError(
        'sums-changed',
        `${folder.name}/${name} is not the file that was exported: its SHA-256 is not that of ${SUMS}.`,
        `Fetch or export the folder again. If you changed the file yourself, delete ${SUMS}.`,
      );
  }
}
