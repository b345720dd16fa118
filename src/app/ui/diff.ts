/** The words of two texts that the other one lacks, by a longest common subsequence. */
export interface Piece {
  readonly text: string;
  /** Whether only this text has it. */
  readonly own: boolean;
}

/** Words with the space before them, and single marks: `{"a":1}` comes apart too. */
const WORD = /\s*(?:[\p{L}\p{N}]+|[^\p{L}\p{N}\s])|\s+$/gu;
/** Beyond this the table of the subsequence would be large; such texts differ as a whole. */
const MOST_CELLS = 1_000_000;

const wordsOf = (text: string): string[] => text.match(WORD) ?? [];

function join(words: readonly string[], own: readonly boolean[]): Piece[] {
  const pieces: { text: string; own: boolean }[] = [];
  words.forEach((text, i) => {
    const last = pieces.at(-1);
    if (last && last.own === own[i]) last.text += text;
    else pieces.push({ text, own: own[i] });
  });
  return pieces;
}

export function difference(left: string, right: string): [Piece[], Piece[]] {
  const a = wordsOf(left);
  const b = wordsOf(right);
  const key = (word: string): string => word.trim();
  const ownA = a.map(() => true);
  const ownB = b.map(() => true);
  if ((a.length + 1) * (b.length + 1) <= MOST_CELLS) {
    const width = b.length + 1;
    const lengths = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        lengths[i * width + j] =
          key(a[i]) === key(b[j])
            ? lengths[(i + 1) * width + j + 1] + 1
            : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
      }
    }
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      if (key(a[i]) === key(b[j])) {
        ownA[i++] = false;
        ownB[j++] = false;
      } else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i++;
      else j++;
    }
  }
  return [join(a, ownA), join(b, ownB)];
}
