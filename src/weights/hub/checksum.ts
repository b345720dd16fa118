/**
 * The checksum that the hub declares for a file, computed during the download: SHA-256 for files in its large-file storage, git's SHA-1 for the rest.
 * WebCrypto takes a whole file at once, which gigabytes are not.
 */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { DownloadSink, RemoteFile } from './types.ts';

/** Bytes that are read back at once. */
const CHUNK = 1 << 20;

export class Checksum {
  readonly #hash: { update(bytes: Uint8Array): unknown; digest(): Uint8Array };

  private constructor(private readonly file: RemoteFile) {
    this.#hash = file.sha256 === undefined ? sha1.create() : sha256.create();
    if (file.sha256 === undefined) this.#hash.update(new TextEncoder().encode(`blob ${file.size}\0`));
  }

  /** A checksum that starts with the stored part of a file; undefined if the server declares none. */
  static async of(file: RemoteFile, sink: DownloadSink): Promise<Checksum | undefined> {
    // Git's hash starts with the size.
    if (file.sha256 === undefined && (file.gitSha1 === undefined || file.size === undefined))
      return undefined;
    const checksum = new Checksum(file);
    const have = sink.size(file.name);
    for (let start = 0; start < have; start += CHUNK)
      checksum.update(await sink.read(file.name, start, Math.min(have, start + CHUNK)));
    return checksum;
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Once, at the end. */
  matches(): boolean {
    return bytesToHex(this.#hash.digest()) === (this.file.sha256 ?? this.file.gitSha1);
  }
}
