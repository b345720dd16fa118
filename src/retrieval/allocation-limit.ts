/**
 * A limit on what a thread allocates. A stream of 5 kB in a PDF can unpack to gigabytes, through any of its filters, and pdf.js knows its size only when it
 * is in memory. All that it unpacks lies in typed arrays, so their constructors can stop it.
 */

export const MOST_MEBIBYTES = 32;
/** The largest array: the content of a page, or a font. A buffer that grows is doubled, and a byte may become tens of bytes of objects. */
const MOST_BYTES = MOST_MEBIBYTES * 2 ** 20;
/** The most bytes of larger arrays until the count starts again. Freed arrays count too, so it is far more than a page of a real file takes. */
const MOST_IN_ALL = 16 * MOST_BYTES;
/** Smaller arrays are not counted. */
const COUNTED_FROM = 2 ** 16;
/** Bytes that are unpacked at once, to 16 MiB at most: a browser unpacks all that it is given before anyone can look. */
const PACKED_SLICE = 2 ** 14;

export interface AllocationLimit {
  /** Starts the count again. */
  reset(): void;
  /** Is called when an array is refused: code that reads broken files may go on without it. */
  onRefused: () => void;
}

const ARRAYS = [
  'Uint8Array',
  'Uint8ClampedArray',
  'Uint16Array',
  'Uint32Array',
  'Int32Array',
  'Float32Array',
];
type ArrayConstructor = new (...args: unknown[]) => { readonly byteLength: number };

/**
 * Limits the typed arrays that a thread makes from now on, and what each stream of it unpacks. More is a RangeError, as without memory.
 *
 * @param scope the globals of a thread that does nothing else
 */
export function limitAllocations(scope: Record<string, unknown> = globalThis): AllocationLimit {
  let sum = 0;
  const limit: AllocationLimit = { reset: () => void (sum = 0), onRefused: () => undefined };
  const refuse = (bytes: number): never => {
    limit.onRefused();
    throw new RangeError(`${bytes} bytes refused`);
  };
  const count = (bytes: number): void => {
    if (!(bytes >= COUNTED_FROM)) return;
    sum += bytes;
    if (bytes > MOST_BYTES || sum > MOST_IN_ALL) refuse(bytes);
  };
  for (const name of ARRAYS) {
    const original = scope[name] as ArrayConstructor & { readonly BYTES_PER_ELEMENT: number };
    scope[name] = new Proxy(original, {
      construct(target, args: unknown[], asked) {
        const [length] = args;
        // A copy of an array is as large as one that was counted, or as the file.
        if (typeof length === 'number') count(length * target.BYTES_PER_ELEMENT);
        return Reflect.construct(target, args, asked === scope[name] ? target : asked) as object;
      },
    });
  }
  const Unpacking = scope['DecompressionStream'] as typeof DecompressionStream;
  scope['DecompressionStream'] = class {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array<ArrayBuffer>>;
    constructor(format: CompressionFormat) {
      const unpacking = new Unpacking(format);
      const writer = unpacking.writable.getWriter();
      this.writable = new WritableStream({
        async write(packed) {
          for (let at = 0; at < packed.length; at += PACKED_SLICE)
            await writer.write(packed.subarray(at, at + PACKED_SLICE));
        },
        close: () => writer.close(),
        abort: (reason) => writer.abort(reason),
      });
      let bytes = 0;
      this.readable = unpacking.readable.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(piece, controller) {
            bytes += piece.byteLength;
            if (bytes > MOST_BYTES) refuse(bytes);
            controller.enqueue(piece);
          },
        }),
      );
    }
  };
  return limit;
}
