/** Which questions tune a retriever, and which are held out to measure it. A question stays on its side, so that no tuned retriever is measured on what it has seen. */
import { Random } from '../random.ts';

/** A question, and the document that answers it. */
interface Asked {
  readonly question: string;
  readonly file: string;
}

/** The sides of questions so far, by {@link keyOf}. */
export interface Sides {
  readonly trained: readonly string[];
  readonly held: readonly string[];
}

/** The share of questions that is held out. */
const HELD = 1 / 3;
/** From so many documents on, all questions to one are on one side: questions to one passage are alike. */
const MIN_FILES = 4;
const SEED = 1;

/** Names a question: one that is written again stays on its side. */
export const keyOf = ({ question, file }: Asked): string => `${file}\n${question}`;

/** Gives new questions their sides, by documents if there are enough. The others stay where they are. */
export function assignSides(questions: readonly Asked[], before: Sides): Sides {
  const sides = new Map<string, keyof Sides>([
    ...before.trained.map((key) => [key, 'trained'] as const),
    ...before.held.map((key) => [key, 'held'] as const),
  ]);
  const files = new Set(questions.map(({ file }) => file));
  const byFile = files.size >= MIN_FILES;
  const groups = new Map<string, string[]>();
  for (const one of questions) {
    const name = byFile ? one.file : keyOf(one);
    groups.set(name, [...(groups.get(name) ?? []), keyOf(one)]);
  }
  let held = questions.filter((one) => sides.get(keyOf(one)) === 'held').length;
  const inOrder = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, keys] of new Random(SEED).shuffle(inOrder)) {
    const known = keys.flatMap((key) => sides.get(key) ?? []);
    const added = keys.filter((key) => !sides.has(key));
    const isFull = held + added.length / 2 > HELD * questions.length;
    const side = known.includes('trained') ? 'trained' : known.length > 0 || !isFull ? 'held' : 'trained';
    for (const key of added) sides.set(key, side);
    if (side === 'held') held += added.length;
  }
  const on = (side: keyof Sides): string[] => [...sides].flatMap(([key, own]) => (own === side ? [key] : []));
  return { trained: on('trained'), held: on('held') };
}
