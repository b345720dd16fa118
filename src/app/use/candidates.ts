/** The likeliest next tokens of two answers at one position, side by side. */
import type { ChatToken } from '../../worker/api.ts';

interface Compared {
  readonly text: string;
  /** The probability on each side; undefined if it is not among the likeliest, or that answer has no such position. */
  readonly shares: readonly (number | undefined)[];
  /** Whether each side took it. */
  readonly taken: readonly boolean[];
}

/** Every candidate of either side, the likeliest first. @param tokens of each side at one position, missing if it has ended before */
export function compareCandidates(tokens: readonly (ChatToken | undefined)[]): Compared[] {
  // Two candidates may have the same text: the first of one side stands next to the first of the other.
  const keyed = tokens.map((token) => {
    const seen = new Map<string, number>();
    return new Map(
      (token?.candidates ?? []).map((candidate) => {
        const nth = seen.get(candidate.text) ?? 0;
        seen.set(candidate.text, nth + 1);
        return [`${candidate.text}\0${nth}`, candidate] as const;
      }),
    );
  });
  const keys = new Set(keyed.flatMap((side) => [...side.keys()]));
  const max = ({ shares }: Compared): number => Math.max(...shares.map((share) => share ?? 0));
  return [...keys]
    .map((key) => {
      const text = key.slice(0, key.lastIndexOf('\0'));
      return {
        text,
        shares: keyed.map((side) => side.get(key)?.probability),
        taken: tokens.map((token, side) => isTaken(token, keyed[side].get(key))),
      };
    })
    .sort((a, b) => max(b) - max(a));
}

/** Answers of earlier versions do not say which candidate was taken: the text tells it. */
function isTaken(
  token: ChatToken | undefined,
  candidate: ChatToken['candidates'][number] | undefined,
): boolean {
  if (!token || !candidate) return false;
  return candidate.taken ?? (token.candidates.every((one) => !one.taken) && candidate.text === token.text);
}

/** Whether both answers are alike up to a position: only then were both asked for the token after the same text. */
export function sameBefore(sides: readonly (readonly ChatToken[])[], at: number): boolean {
  const [first, ...others] = sides.map((tokens) =>
    tokens
      .slice(0, at)
      .map(({ text }) => text)
      .join('\0'),
  );
  return others.every((other) => other === first);
}

/** A token of a text as it is drawn: a dot if it continues a character that began before it. */
export function drawn({ text, part }: Pick<ChatToken, 'text' | 'part'>): string {
  return text === '' && part ? '·' : visible(text);
}

/** The same in words, if the text alone is not enough. */
export function partInWords({ part }: Pick<ChatToken, 'part'>): string | undefined {
  return part && `part ${part.number} of ${part.count} of “${part.text}”`;
}

/** A token that can be seen. */
export const visible = (text: string): string =>
  text.replaceAll('\n', '↵').replaceAll('\t', '⇥').replaceAll(' ', '␣') || '∅';

/** A probability from 0 to 1 in percent, with three digits below a tenth. */
export function share(probability: number): string {
  if (probability >= 0.0995) return `${Math.round(100 * probability)}%`;
  return probability < 0.0005 ? '< 0.1%' : `${(100 * probability).toFixed(1)}%`;
}
