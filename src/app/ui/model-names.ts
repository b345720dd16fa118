/** As it is written: the bundled model has a name of its own, others are called as their folder. */
export const shownName = (name: string): string => (name === 'sprig' ? 'Sprig' : name);

/** `HuggingFaceTB/SmolLM2`, `/home/me/SmolLM2` and `smollm2` are one model under the names that people give it. */
export function isSameModel(a: string, b: string): boolean {
  const plain = (name: string): string => name.split(/[\\/]/).filter(Boolean).at(-1)?.toLowerCase() ?? '';
  return plain(a) === plain(b);
}
