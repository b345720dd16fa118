/** Shared by the tests of the hub's client: a server with models, a sink, and the requests. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { GraftError } from '../../../src/errors.ts';
import { concatBytes } from '../../../src/weights/safetensors.ts';
import { fetchModel, findModel, type HubOptions } from '../../../src/weights/hub.ts';
import type { DownloadSink } from '../../../src/weights/hub/types.ts';
import { HubServer, type HubRepo } from '../../hub-server.ts';

const SPRIG = join(import.meta.dirname, '../../../public/models/sprig');
/** A value as the bytes of a JSON file. */
export const text = (value: unknown): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(JSON.stringify(value));

/** A folder's files by name. */
export function filesOf(folder: string): Record<string, Uint8Array<ArrayBuffer>> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]),
  );
}

/** Bytes that do not repeat. */
export function noise(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let i = 0, x = seed; i < size; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

/** Comparing half a million numbers one by one takes seconds. */
export const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Keeps downloads in memory, within `room` bytes. */
export class MemorySink implements DownloadSink {
  readonly #chunks = new Map<string, Uint8Array[]>();
  readonly versions = new Map<string, string>();
  readonly finished: string[] = [];
  room = Infinity;
  whenAppended: () => void = () => undefined;

  get files(): Map<string, Uint8Array<ArrayBuffer>> {
    return new Map([...this.#chunks.keys()].map((file) => [file, this.bytes(file)]));
  }
  bytes(file: string): Uint8Array<ArrayBuffer> {
    const chunks = this.#chunks.get(file) ?? [];
    const whole = chunks.length === 1 ? (chunks[0] as Uint8Array<ArrayBuffer>) : concatBytes(chunks);
    this.#chunks.set(file, [whole]);
    return whole;
  }
  size(file: string): number {
    return (this.#chunks.get(file) ?? []).reduce((sum, { byteLength }) => sum + byteLength, 0);
  }
  async read(file: string, start: number, end: number): Promise<Uint8Array> {
    return this.bytes(file).subarray(start, end);
  }
  async append(file: string, bytes: Uint8Array): Promise<void> {
    if (this.size(file) + bytes.byteLength > this.room)
      throw new GraftError('storage-full', 'There is no room left.', 'Delete something.');
    this.#chunks.set(file, [...(this.#chunks.get(file) ?? []), bytes]);
    this.whenAppended();
  }
  async truncate(file: string, bytes: number): Promise<void> {
    this.#chunks.set(file, [this.bytes(file).slice(0, bytes)]);
  }
  version(file: string): string | undefined {
    return this.versions.get(file);
  }
  async setVersion(file: string, version: string | undefined): Promise<void> {
    if (version === undefined) this.versions.delete(file);
    else this.versions.set(file, version);
  }
  async finish(file: string): Promise<void> {
    this.finished.push(file);
  }
}

export const WEIGHTS = noise(200_000);
export const tiny: HubRepo = {
  licence: 'apache-2.0',
  files: {
    'README.md': new TextEncoder().encode('---\nlicense: apache-2.0\n---'),
    'config.json': text({ model_type: 'llama' }),
    'tokenizer.json': text({ model: {} }),
    'model.safetensors': WEIGHTS,
    'pytorch_model.bin': noise(30_000, 2),
    'onnx/model.onnx': noise(30_000, 3),
  },
};

export let server: HubServer;

/** The hub of a file of tests, with models of every kind: started before them, and as new before each. */
export function serveHub(): void {
  beforeAll(async () => {
    server = await HubServer.start({
      'tiny/model': tiny,
      'tiny/gated': { ...tiny, gated: true },
      'tiny/private': { ...tiny, private: true },
      'tiny/gguf': { files: { 'a.Q4_0.gguf': noise(40_000, 4), 'sub/a.Q8_0.gguf': noise(80_000, 5) } },
      'tiny/bin': { files: { 'config.json': text({}), 'pytorch_model.bin': noise(10) } },
      'tiny/old': {
        files: {
          ...tiny.files,
          'special_tokens_map.json': text({ bos_token: '<s>' }),
          'chat_template.json': text({ chat_template: 'x' }),
        },
      },
      'tiny/sprig': { files: filesOf(SPRIG), licence: 'apache-2.0' },
    });
  });
  afterAll(() => server.close());
  beforeEach(() => server.reset());
}

/** Retries soon, since the server is local. */
export const PATIENCE = { tries: 3, firstPauseMs: 1, longestPauseMs: 4, idleMs: 10_000 };
export const options = (changes: Partial<HubOptions> = {}): HubOptions => ({
  hub: server.address,
  signal: new AbortController().signal,
  patience: PATIENCE,
  ...changes,
});
export const find = (asked = 'tiny/model', changes: Partial<HubOptions> = {}): ReturnType<typeof findModel> =>
  findModel(asked, options(changes));
export const bring = async (
  sink: MemorySink,
  asked?: string,
  changes: Partial<HubOptions> = {},
): Promise<void> => fetchModel(await find(asked, changes), sink, options(changes));
/** Ranges of the requests that reached the file server. */
export const ranges = (): (string | undefined)[] =>
  server.requests.filter((request) => request.server === 'files').map(({ range }) => range);
