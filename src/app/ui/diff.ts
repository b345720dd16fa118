import { diffArrays } from 'diff';

/** A part of a text that is compared with another one, word by word. */
export interface DiffPiece {
  readonly text: string;
  /** Whether only this text has it. */
  readonly own: boolean;
}

/** Words with the space before them, and single marks: `{"a":1}` comes apart too. */
const WORD = /\s*(?:[\p{L}\p{N}]+|[^\p{L}\p{N}\s])|\s+$/gu;
/** Texts with more differences than this differ as a whole: the time grows with their number. */
const MAX_EDITS = 1000;

const wordsOf = (text: string): string[] => text.match(WORD) ?? [];

function join(words: readonly string[], own: readonly boolean[]): DiffPiece[] {
  const pieces: { text: string; own: boolean }[] = [];
  words.forEach((text, i) => {
    const last = pieces.at(-1);
    if (last && last.own === own[i]) last.text += text;
    else pieces.push({ text, own: own[i] });
  });
  return pieces;
}

/** Both texts in pieces that add up to it. */
export function difference(left: string, right: string): [DiffPiece[], DiffPiece[]] {
  const a = wordsOf(left);
  const b = wordsOf(right);
  const ownA = a.map(() => true);
  const ownB = b.map(() => true);
  const changes = diffArrays(a, b, {
    comparator: (one, other) => one.trim() === other.trim(),
    maxEditLength: MAX_EDITS,
  });
  let [i, j] = [0, 0];
  for (const { added, removed, count } of changes ?? []) {
    if (!added && !removed) {
      ownA.fill(false, i, i + count);
      ownB.fill(false, j, j + count);
    }
    if (!added) i += count;
    if (!removed) j += count;
  }
  return [join(a, ownA), join(b, ownB)];
}
