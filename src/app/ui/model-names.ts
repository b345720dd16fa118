/** A model's name on the page: the bundled model has its own, others are named by their folder. */
export const shownName = (name: string): string => (name === 'sprig' ? 'Sprig' : name);

/** Whether two names mean one model: `HuggingFaceTB/SmolLM2`, `/home/me/SmolLM2` and `smollm2` do. */
export function isSameModel(a: string, b: string): boolean {
  const plain = (name: string): string => name.split(/[\\/]/).filter(Boolean).at(-1)?.toLowerCase() ?? '';
  return plain(a) === plain(b);
}
