/** Rows that repeat or contradict each other. They are compared by hashes, since a file may have a million of them. */
import { DistinctHashes, hashesOf, hashesOfTexts } from '../row-hashes.ts';
import { wholeNumbers } from '../number-column.ts';
import type { RuleAtWork } from './finding.ts';
import { askedOf } from './texts.ts';

export function findCopies(): RuleAtWork {
  const distinct = new DistinctHashes();
  const copies: number[] = [];
  return {
    see({ row, example }) {
      if (!example) return;
      const before = distinct.length;
      if (distinct.add(hashesOf(example)) < before) copies.push(row);
    },
    found: () => [{ id: 'exact-duplicates', rows: copies }],
  };
}

/** All rows of a prompt whose answers differ by more than white space. */
export function findContradictions(): RuleAtWork {
  const prompts = new DistinctHashes();
  /** The first answer of each prompt. */
  const ones = wholeNumbers();
  const others = wholeNumbers();
  /** The rows with a prompt, and the number of each prompt. */
  const rows = wholeNumbers();
  const asked = wholeNumbers();
  const contradicted = new Set<number>();
  return {
    see({ row, example }) {
      const pair = example && askedOf(example);
      if (!pair) return;
      const before = prompts.length;
      const prompt = prompts.add(hashesOfTexts(pair.asked));
      const [one, other] = hashesOfTexts(pair.answer);
      if (prompt === before) {
        ones.push(one);
        others.push(other);
      } else if (ones.at(prompt) !== one || others.at(prompt) !== other) contradicted.add(prompt);
      rows.push(row);
      asked.push(prompt);
    },
    found: () => [
      {
        id: 'contradictory-answers',
        rows: Array.from(rows.all.filter((_, at) => contradicted.has(asked.at(at)))),
        detail: `${contradicted.size === 1 ? 'One prompt has' : `${contradicted.size} prompts have`} several answers.`,
      },
    ],
  };
}
