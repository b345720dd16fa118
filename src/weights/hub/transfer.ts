/** The transfer of one file, from where an earlier one stopped, with its check. */
import type { Listener } from '../../answers.ts';
import { GraftError, messageOf } from '../../errors.ts';
import { formatBytes } from '../../numbers.ts';
import { Checksum } from './checksum.ts';
import { declaredLength, Unsettled, type Client, type HubSubject } from './client.ts';
import { persist } from './patience.ts';
import type { DownloadSink, RemoteFile, Wait } from './types.ts';

/** The largest tokenizer.json that is read; nothing else besides the weights is larger. */
const MAX_COMPANION_BYTES = 64 * 2 ** 20;
/** Weights of unknown size: four billion parameters in f32. */
const MAX_UNDECLARED_BYTES = 16 * 2 ** 30;
const WEIGHTS = /\.(?:gguf|safetensors)$/i;

interface TransferOptions {
  readonly client: Client;
  readonly sink: DownloadSink;
  readonly subject: HubSubject;
  /** Stored bytes of the file, and its size if that is known. */
  readonly onBytes: (done: number, total: number | undefined) => void;
  readonly onWait: (wait?: Wait) => void;
}

/**
 * Fetches a file into the sink. Stored bytes are not fetched again, unless they turn out to be of another version.
 *
 * @throws GraftError `hub-…`, and whatever the sink throws; the stored part stays, unless it is known to be wrong
 */
export async function transfer(file: RemoteFile, options: TransferOptions): Promise<void> {
  const { client, sink, onWait } = options;
  let max = sink.size(file.name);
  let before = max;
  const one = new Transfer(file, options);
  await one.begin();
  await persist(
    async () => {
      before = max;
      try {
        await one.attempt();
      } finally {
        max = Math.max(max, sink.size(file.name));
      }
    },
    client.patience,
    client.signal,
    { advanced: () => max > before, onWait },
  );
  await one.check();
  await sink.finish(file.name);
}

class Transfer {
  #checksum: Checksum | undefined;
  #total: number | undefined;

  constructor(
    private readonly file: RemoteFile,
    private readonly options: TransferOptions,
  ) {
    this.#total = file.size;
  }

  async begin(): Promise<void> {
    const { file, options } = this;
    if (file.size !== undefined && file.size > this.#max) throw await this.#tooLong();
    if (file.size !== undefined && options.sink.size(file.name) > file.size) await this.#restart();
    this.#checksum = await Checksum.of(file, options.sink);
  }

  /** One request, and as much of its response as arrives. @throws Unsettled if a retry may bring the rest */
  async attempt(): Promise<void> {
    const { file, options } = this;
    const { client, sink, subject } = options;
    if (sink.size(file.name) === file.size) return;
    const listener = client.listen();
    let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
    try {
      const response = await client.ask(file.url, subject, listener, { from: sink.size(file.name) });
      if (await this.#place(response)) return;
      // Read by hand: Safari cannot iterate a body.
      reader = response.body!.getReader();
      for (;;) {
        const { value, done } = await this.#read(reader, listener);
        if (done) break;
        listener.rest();
        await this.#take(value);
        listener.heard();
      }
    } catch (error) {
      // Ends the connection. That it is broken already is what is thrown here.
      reader?.cancel().catch(() => undefined);
      throw error;
    } finally {
      listener.rest();
    }
    const have = sink.size(file.name);
    if (this.#total !== undefined && have < this.#total)
      throw this.#broken(`it ended after ${have} of ${this.#total} bytes`);
  }

  async check(): Promise<void> {
    const { file, options } = this;
    const have = options.sink.size(file.name);
    if (this.#checksum && !this.#checksum.matches()) {
      await this.#restart();
      throw new GraftError(
        'hub-checksum',
        `${file.name} came whole (${have} bytes) and is not what ${new URL(file.url).host} declares: its checksum differs.`,
        'That file was thrown away; fetch it again. If it happens again, something between here and the server changes it.',
      );
    }
  }

  /** Truncates the stored part to fit the response. @returns whether the file is complete already */
  async #place(response: Response): Promise<boolean> {
    const { file, options } = this;
    const { sink } = options;
    const have = sink.size(file.name);
    const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
    const total = range ? Number(range[2]) : undefined;
    if (response.status === 416) {
      await response.body?.cancel();
      if (total === have && (file.size === undefined || file.size === have)) return true;
      // The stored part is longer than the file: it is of another version.
      await this.#restart();
      throw new Unsettled(
        new GraftError(
          'hub-range',
          `${new URL(file.url).host} has no byte ${have} of ${file.name} to continue from (416).`,
          'It starts over the next time.',
        ),
        0,
      );
    }
    const version = response.headers.get('etag') ?? undefined;
    if (response.status === 206) {
      const known = sink.version(file.name);
      const changed = have > 0 && known !== undefined && version !== undefined && known !== version;
      if (changed || (range?.[1] !== undefined && Number(range[1]) !== have)) {
        await response.body?.cancel();
        await this.#restart();
        throw new Unsettled(
          new GraftError(
            'hub-changed',
            `${file.name} has changed on ${new URL(file.url).host} since the transfer started.`,
            'It starts over.',
          ),
          0,
        );
      }
    } else if (have > 0) {
      // The whole file: this server knows no ranges.
      await this.#restart();
    }
    this.#total ??= total ?? lengthOf(response, sink.size(file.name));
    if (total !== undefined && file.size !== undefined && total !== file.size)
      throw await this.#wrongSize(total);
    if ((this.#total ?? 0) > this.#max) {
      response.body?.cancel().catch(() => undefined);
      throw await this.#tooLong();
    }
    if (version !== sink.version(file.name)) await sink.setVersion(file.name, version);
    options.onBytes(sink.size(file.name), this.#total);
    return false;
  }

  async #take(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { file, options } = this;
    const have = options.sink.size(file.name) + bytes.byteLength;
    if (file.size !== undefined && have > file.size) throw await this.#wrongSize(have);
    if (have > this.#max) throw await this.#tooLong();
    await options.sink.append(file.name, bytes);
    this.#checksum?.update(bytes);
    options.onBytes(have, this.#total);
  }

  async #read(
    reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
    listener: Listener,
  ): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> {
    try {
      return await listener.wait(reader.read());
    } catch (cause) {
      this.options.client.signal.throwIfAborted();
      throw this.#broken(messageOf(listener.isSilent ? listener.signal.reason : cause), cause);
    }
  }

  /** Bytes that are taken of the file. A person has seen the size of weights that declare one. */
  get #max(): number {
    if (!WEIGHTS.test(this.file.name)) return MAX_COMPANION_BYTES;
    return this.#total === undefined ? MAX_UNDECLARED_BYTES : Infinity;
  }

  async #restart(): Promise<void> {
    const { file, options } = this;
    await options.sink.truncate(file.name, 0);
    await options.sink.setVersion(file.name, undefined);
    this.#total = file.size;
    this.#checksum = await Checksum.of(file, options.sink);
  }

  #broken(why: string, cause?: unknown): Unsettled {
    return new Unsettled(
      new GraftError(
        'hub-broken',
        `The transfer of ${this.file.name} from ${new URL(this.file.url).host} broke off: ${why.replace(/[.\s]+$/, '')}.`,
        'Continue when the network is better.',
        { cause },
      ),
    );
  }

  async #tooLong(): Promise<GraftError> {
    const { file } = this;
    const max = this.#max;
    await this.#restart();
    return new GraftError(
      'hub-size',
      `${file.name} of ${new URL(file.url).host} is too long: it has more than ${formatBytes(max)}.`,
      'That file was thrown away. Check the address; if it is right, the server is broken.',
    );
  }

  async #wrongSize(bytes: number): Promise<GraftError> {
    const { file } = this;
    await this.#restart();
    return new GraftError(
      'hub-size',
      `${file.name} has ${bytes} bytes or more where ${new URL(file.url).host} declares ${file.size}.`,
      'That file was thrown away. If it happens again, the server is broken.',
    );
  }
}

/** Bytes of the whole file, from the length of the rest. */
function lengthOf({ headers }: Response, have: number): number | undefined {
  const length = declaredLength(headers);
  return length === undefined ? undefined : have + length;
}
