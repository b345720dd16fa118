/**
 * The one error type that Graft shows to people: a stable code, one sentence that says what is wrong and where, and what to do about it.
 * Everything else that is thrown is a defect.
 */
export class GraftError extends Error {
  override readonly name = 'GraftError';

  constructor(
    /** Stable, kebab-case, prefixed by the room: `safetensors-header`, `engine-device-lost`. */
    readonly code: string,
    /** What is wrong, and where (file, line, column, tensor, layer). One sentence. */
    readonly what: string,
    /** What the person can do. One sentence. */
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(remedy ? `${what} ${remedy}` : what, options);
  }
}

/** The message of anything that was thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
