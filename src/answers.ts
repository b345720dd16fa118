/** Answers of servers, within limits: of bytes, and of time in which nothing comes. A server may be broken, or hostile. */
import { formatBytes } from './numbers.ts';

/** Milliseconds without a byte after which a request is given up. */
export const USUAL_IDLE_MS = 30_000;

/** Nothing came for too long. */
export class Silence extends Error {
  constructor(ms: number) {
    super(`nothing came for ${Math.round(ms / 1000)} s`);
  }
}

/** More came than is taken. */
export class Flood extends Error {
  constructor(max: number) {
    super(`it has more than ${formatBytes(max)}`);
  }
}

/** Gives one request up if nothing comes for a while. */
export class Listener {
  readonly #silence = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Ends the request: by silence, or by the signal of the person. */
  readonly signal: AbortSignal;

  constructor(
    readonly idleMs: number,
    person?: AbortSignal,
  ) {
    this.signal = person ? AbortSignal.any([person, this.#silence.signal]) : this.#silence.signal;
    this.heard();
  }

  /** Whether the request was given up for silence. */
  get isSilent(): boolean {
    return this.#silence.signal.aborted;
  }

  /** Something came: the time starts again. */
  heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#silence.abort(new Silence(this.idleMs)), this.idleMs);
  }

  /** The time stops: what came is being worked on, or it was all. */
  rest(): void {
    clearTimeout(this.#timer);
  }

  /** A part of the answer. A browser may not end a request that is aborted: the wait for it ends all the same. @throws Silence */
  wait<T>(part: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = this;
      const stop = (): void => reject(signal.reason as Error);
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      part.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }
}

/**
 * The body of an answer, whole.
 *
 * @param max bytes that are taken
 * @param onBytes called with the bytes so far
 * @throws Flood, Silence, and what breaks the connection
 */
export async function readBody(
  { body }: Response,
  max: number,
  listener: Listener,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  // Read by hand: Safari cannot iterate a body.
  const reader = body?.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const part = await (reader && listener.wait(reader.read()));
      if (!part || part.done) return new Uint8Array(await new Blob(chunks).arrayBuffer());
      listener.heard();
      bytes += part.value.byteLength;
      if (bytes > max) throw new Flood(max);
      chunks.push(part.value);
      onBytes(bytes);
    }
  } catch (error) {
    // Ends the connection. That it is broken already is what is thrown here.
    reader?.cancel().catch(() => undefined);
    throw error;
  }
}

/** No file of the app is larger. */
const MAX_FILE_BYTES = 64 * 2 ** 20;

/**
 * A file of the app, from its own server.
 *
 * @param onBytes called with the bytes so far, and those that the server declares, or 0
 * @throws Error with the reason in its message
 */
export async function fetchFile(
  url: URL,
  onBytes: (done: number, declared: number) => void = () => undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const listener = new Listener(USUAL_IDLE_MS);
  try {
    const response = await listener.wait(fetch(url, { signal: listener.signal }));
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const declared = Number(response.headers.get('content-length') ?? 0);
    return await readBody(response, MAX_FILE_BYTES, listener, (done) => onBytes(done, declared));
  } finally {
    listener.rest();
  }
}
