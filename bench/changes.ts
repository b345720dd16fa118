/** Recall and MRR of the same questions before and after a change, for scripts that measure retrieval. */
import { readFileSync } from 'node:fs';
import { mean } from '../src/averages.ts';
import { bootstrap } from '../src/evaluate/bootstrap.ts';
import { meanOf } from '../src/evaluate/intervals.ts';
import { measure, type JudgedSearch, type Measures } from '../src/retrieval/relevance.ts';

const SEED = 1;

const MEASURES: readonly (readonly [name: string, of: (all: Measures) => number])[] = [
  ['recall@1', ({ recall }) => recall[1]],
  ['recall@5', ({ recall }) => recall[5]],
  ['recall@10', ({ recall }) => recall[10]],
  ['MRR@10', ({ mrr }) => mrr],
];

/** The rows of a file of JSON lines. */
export const readLines = <Row>(path: string): Row[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);

/** Prints each measure before and after, and the difference with the 95% interval of a paired bootstrap over questions. */
export function printChanges(
  title: string,
  before: readonly JudgedSearch[],
  after: readonly JudgedSearch[],
): void {
  console.log(`${title}: ${before.length} questions`);
  for (const [name, of] of MEASURES) {
    const each = (all: readonly JudgedSearch[]): number[] => all.map((one) => of(measure([one])));
    const [first, second] = [each(before), each(after)];
    const differences = second.map((value, at) => value - first[at]);
    const [interval] = bootstrap(differences.length, SEED, [(sample) => meanOf(differences, sample)]);
    console.log(
      `  ${name} ${mean(first).toFixed(3)} → ${mean(second).toFixed(3)}, ${signed(mean(differences))} (95% interval ${interval!.map(signed).join(' to ')})`,
    );
  }
}

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
