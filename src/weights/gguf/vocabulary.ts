/** The tokens of a GGUF file, and what each is for. */

/** `tokenizer.ggml.token_type`. */
export const TOKEN_TYPE = { NORMAL: 1, UNKNOWN: 2, CONTROL: 3, USER_DEFINED: 4, UNUSED: 5, BYTE: 6 } as const;

export interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  /** Token → id. The first of two equal ones. */
  readonly ids: ReadonlyMap<string, number>;
}
