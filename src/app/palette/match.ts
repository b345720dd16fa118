/** Fuzzy matching: the letters that were typed, in order, wherever they stand. */

/** Bonuses: a letter that starts a word, and letters one after the other. */
const WORD_START = 8;
const IN_A_ROW = 5;
const FIRST = 6;
/** The penalty of each skipped letter. */
const GAP = 0.2;

/** @returns how well `text` matches, more is better; undefined if a letter is missing. Nothing asked matches everything alike. */
export function score(asked: string, text: string): number | undefined {
  const wanted = asked.toLowerCase().replace(/\s+/g, '');
  const letters = text.toLowerCase();
  if (wanted === '') return 0;
  let best: number | undefined;
  // Where it starts decides much: every place is tried.
  for (let from = letters.indexOf(wanted[0]); from >= 0; from = letters.indexOf(wanted[0], from + 1)) {
    const found = scoreFrom(wanted, letters, from);
    if (found !== undefined && (best === undefined || found > best)) best = found;
  }
  return best;
}

function scoreFrom(wanted: string, letters: string, from: number): number | undefined {
  let total = 0;
  let before = -1;
  for (const letter of wanted) {
    const at = before < 0 ? from : nextOf(letters, letter, before + 1);
    if (at < 0) return undefined;
    if (at === before + 1 && before >= 0) total += IN_A_ROW;
    if (isWordStart(letters, at)) total += WORD_START;
    if (at === 0) total += FIRST;
    if (before >= 0) total -= GAP * (at - before - 1);
    before = at;
  }
  return total - GAP * (letters.length - wanted.length) * GAP;
}

/** The next one goes before; failing that, one that starts a word. */
function nextOf(letters: string, letter: string, from: number): number {
  const first = letters.indexOf(letter, from);
  if (first === from) return first;
  for (let at = first; at >= 0; at = letters.indexOf(letter, at + 1)) if (isWordStart(letters, at)) return at;
  return first;
}

function isWordStart(letters: string, at: number): boolean {
  return at === 0 || !/[\p{L}\p{N}]/u.test(letters[at - 1]);
}

/** The items that match, best first; in their own order if they match equally well. @param textOf what a person sees of it */
export function matchingEntries<Item>(
  asked: string,
  items: readonly Item[],
  textOf: (item: Item) => string,
): Item[] {
  return items
    .map((item, at) => ({ item, at, found: score(asked, textOf(item)) }))
    .filter((entry): entry is typeof entry & { found: number } => entry.found !== undefined)
    .sort((a, b) => b.found - a.found || a.at - b.at)
    .map(({ item }) => item);
}
