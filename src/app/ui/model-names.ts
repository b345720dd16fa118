/** `HuggingFaceTB/SmolLM2`, `/home/me/SmolLM2` and `smollm2` are one model under the names that people give it. */
export function isSameModel(a: string, b: string): boolean {
  const plain = (name: string): string => name.split(/[\\/]/).filter(Boolean).at(-1)?.toLowerCase() ?? '';
  return plain(a) === plain(b);
}
