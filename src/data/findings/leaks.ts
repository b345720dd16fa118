/** Test prompts in training rows, and test parts that are too small. */
import { plural } from '../../numbers.ts';
import { countParts } from '../split.ts';
import type { Checked, Found } from './finding.ts';
import { mapped, type Slow } from './slow.ts';
import {
  partsOf,
  textOfQuestion,
  readRowTexts,
  shinglesOf,
  wholeRowText,
  wordHashesOf,
  wordsOf,
} from './texts.ts';

/** Words in a row that two texts share only if one was copied (GPT-3's and later contamination checks take 8 to 13). */
const OVERLAP = 12;
/** Words that stand in more training rows than this, and more than this share of them, are an instruction that all rows have. */
const COMMON_ROWS = 3;
const COMMON_SHARE = 0.02;
/** So do words of so many different test prompts: a template made them, and nobody copied them from one row to the other. */
const COMMON_PROMPTS = 3;
/** From this share of the test rows on, a test is worthless. */
const WORTHLESS = 0.5;

/** Training rows with the prompt of a test row, or twelve words in a row of it. A prompt of fewer words counts only if all of its words are the same. */
export function* findLeaks(checked: Checked): Slow<Found[]> {
  const { tested: held, trained: rows } = partsOf(checked);
  const tested = held.map(({ example }) => textOfQuestion(example));
  const prompts = new Set(tested.map((prompt) => wordsOf(prompt).join(' ')).filter((text) => text !== ''));
  const grams = new Map<number, number>();
  const gramsOf = (text: string): Uint32Array => {
    const words = wordHashesOf(text);
    return words.length < OVERLAP ? new Uint32Array() : shinglesOf(words, OVERLAP);
  };
  const asked = new Map<number, number>();
  for (const prompt of prompts)
    for (const gram of gramsOf(prompt)) {
      grams.set(gram, 0);
      asked.set(gram, (asked.get(gram) ?? 0) + 1);
    }
  if (prompts.size === 0) return [];
  const read = yield* mapped(rows, ({ row, example }) => ({
    row,
    prompt: wordsOf(textOfQuestion(example)).join(' '),
    shared: [...gramsOf(wholeRowText(example))].filter((gram) => grams.has(gram)),
  }));
  for (const { shared } of read) for (const gram of shared) grams.set(gram, grams.get(gram)! + 1);
  const max = Math.max(COMMON_ROWS, COMMON_SHARE * read.length);
  const isCopied = (gram: number): boolean => grams.get(gram)! <= max && asked.get(gram)! < COMMON_PROMPTS;
  const leaked = read.filter(({ prompt, shared }) => prompts.has(prompt) || shared.some(isCopied));
  const trained = new Set(read.map(({ prompt }) => prompt));
  const isTrained = (prompt: string): boolean =>
    trained.has(wordsOf(prompt).join(' ')) ||
    [...gramsOf(prompt)].some((gram) => grams.get(gram)! > 0 && isCopied(gram));
  const touched = tested.filter(isTrained).length;
  return [
    {
      id: 'test-in-train',
      rows: leaked.map(({ row }) => row),
      detail: `${touched} of ${tested.length} test prompts are trained on.`,
      ...(touched >= WORTHLESS * tested.length && { severity: 'error' as const }),
    },
  ];
}

/** The verdict calls fewer rows too few to rely on. */
const MIN_TEST_ROWS = 20;

/** A finding about the whole file names no rows. */
export function findFewTestRows({ rows, test, held: divided, testFraction }: Checked): Found[] {
  const read = readRowTexts(rows);
  // Documents become rows by the tokens of a model.
  if (read.some(({ example }) => example.kind === 'text' && example.document)) return [];
  const all = read.length;
  const own = test && readRowTexts(test).length;
  const part = divided && read.filter(({ row }) => divided.has(row)).length;
  const held =
    own !== undefined || part !== undefined
      ? (own ?? 0) + (part ?? 0)
      : countParts(all, { validation: 0, test: testFraction }).test;
  if (all === 0 || held >= MIN_TEST_ROWS) return [];
  const detail =
    part !== undefined
      ? `The test part has ${plural(held, 'row')}.`
      : own !== undefined
        ? `The test file has ${held} rows that can be read.`
        : `A share of ${testFraction} of ${all} rows is ${held}.`;
  return [{ id: 'few-test-rows', rows: [], detail }];
}
