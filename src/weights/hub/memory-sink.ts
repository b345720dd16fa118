/** Takes downloads into memory: for adapters, which are small next to their models. */
import type { DownloadSink } from './types.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export class MemorySink implements DownloadSink {
  readonly #pieces = new Map<string, Bytes[]>();
  readonly #versions = new Map<string, string>();

  /** A file as far as it is there. */
  blob(file: string): Blob {
    return new Blob(this.#pieces.get(file) ?? []);
  }

  size(file: string): number {
    return (this.#pieces.get(file) ?? []).reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  async read(file: string, start: number, end: number): Promise<Uint8Array> {
    return new Uint8Array(await this.blob(file).slice(start, end).arrayBuffer());
  }

  async append(file: string, bytes: Bytes): Promise<void> {
    const pieces = this.#pieces.get(file) ?? [];
    this.#pieces.set(file, [...pieces, bytes.slice()]);
  }

  async truncate(file: string, bytes: number): Promise<void> {
    this.#pieces.set(file, [new Uint8Array(await this.blob(file).slice(0, bytes).arrayBuffer())]);
  }

  version(file: string): string | undefined {
    return this.#versions.get(file);
  }

  async setVersion(file: string, version: string | undefined): Promise<void> {
    if (version === undefined) this.#versions.delete(file);
    else this.#versions.set(file, version);
  }

  async finish(): Promise<void> {
    // A file is complete where it is.
  }
}
