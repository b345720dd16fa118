/**
 * The one error type that Graft shows to people: a stable code, one sentence that says what is wrong and where, and what to do about it.
 * Everything else that is thrown is a defect.
 */
export class GraftError extends Error {
  override readonly name = 'GraftError';
  /** What is wrong, and where (file, line, column, tensor, layer). One sentence. */
  readonly what: string;

  constructor(
    /** Stable, kebab-case, prefixed by the room: `safetensors-header`, `engine-device-lost`. */
    readonly code: string,
    what: string,
    /** What the person can do. One sentence. */
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    const short = shortened(what);
    super(remedy ? `${short} ${remedy}` : short, options);
    this.what = short;
  }
}

/** Names and values in a message come from files, and may be of any length. */
const MAX_CHARS = 1000;

function shortened(text: string): string {
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS / 2)} … ${text.slice(-MAX_CHARS / 2)}`;
}

/** The message of anything that was thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
