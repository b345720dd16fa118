/** Rows that contradict each other. They are compared by hashes, since a file may have a million of them. */
import { DistinctHashes, hashesOfTexts } from '../row-hashes.ts';
import { wholeNumbers } from '../number-column.ts';
import type { Checked, RuleAtWork } from './finding.ts';
import { askedOf } from './texts.ts';

/** All rows of a prompt whose answers differ by more than white space. */
export function findContradictions({ rows: { length } }: Checked): RuleAtWork {
  const prompts = new DistinctHashes(length);
  /** The first answer of each prompt. */
  const ones = wholeNumbers(length);
  const others = wholeNumbers(length);
  /** The rows with a prompt, and the number of each prompt. */
  const rows = wholeNumbers(length);
  const asked = wholeNumbers(length);
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
