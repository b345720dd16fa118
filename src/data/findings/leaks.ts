/** Test prompts in training rows, and test parts that are too small. */
import { itemOf } from '../../lists.ts';
import { plural } from '../../numbers.ts';
import type { Example } from '../example.ts';
import { wholeNumbers } from '../number-column.ts';
import { countParts } from '../split.ts';
import type { Checked, Found, RuleAtWork } from './finding.ts';
import type { Slow } from './slow.ts';
import {
  isTested,
  readRows,
  testedOf,
  textOfQuestion,
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
export function findLeaks(checked: Checked): RuleAtWork {
  const tested = testedOf(checked).map(({ example }) => textOfQuestion(example));
  const prompts = new Set(tested.map((prompt) => wordsOf(prompt).join(' ')).filter((text) => text !== ''));
  if (prompts.size === 0) return { found: () => [] };
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
  const sharedOf = (example: Example): Uint32Array =>
    gramsOf(wholeRowText(example)).filter((gram) => grams.has(gram));
  /** Rows with a whole prompt, and the places of others that share words with one. */
  const leaked: number[] = [];
  const sharing = wholeNumbers();
  const trained = new Set<string>();
  let read = 0;
  let place = 0;
  return {
    see(row) {
      const here = place++;
      if (!row.example || isTested(checked, row)) return;
      read++;
      const shared = sharedOf(row.example);
      for (const gram of shared) grams.set(gram, grams.get(gram)! + 1);
      const prompt = wordsOf(textOfQuestion(row.example)).join(' ');
      if (prompts.has(prompt)) {
        leaked.push(row.row);
        trained.add(prompt);
      } else if (shared.length > 0) sharing.push(here);
    },
    *found(): Slow<Found[]> {
      const max = Math.max(COMMON_ROWS, COMMON_SHARE * read);
      const isCopied = (gram: number): boolean =>
        grams.get(gram)! <= max && asked.get(gram)! < COMMON_PROMPTS;
      for (const at of sharing.all) {
        const { row, example } = itemOf(checked.rows, at);
        if (example && sharedOf(example).some(isCopied)) leaked.push(row);
        yield;
      }
      const isTrained = (prompt: string): boolean =>
        trained.has(wordsOf(prompt).join(' ')) ||
        [...gramsOf(prompt)].some((gram) => grams.get(gram)! > 0 && isCopied(gram));
      const touched = tested.filter(isTrained).length;
      return [
        {
          id: 'test-in-train',
          rows: leaked,
          detail: `${touched} of ${tested.length} test prompts are trained on.`,
          ...(touched >= WORTHLESS * tested.length && { severity: 'error' as const }),
        },
      ];
    },
  };
}

/** The verdict calls fewer rows too few to rely on. */
const MIN_TEST_ROWS = 20;

/** A finding about the whole file names no rows. */
export function findFewTestRows(checked: Checked): RuleAtWork {
  const { test, held: divided, testFraction } = checked;
  let all = 0;
  let part = 0;
  let hasDocuments = false;
  return {
    see(row) {
      const { example } = row;
      if (!example) return;
      all++;
      if (isTested(checked, row)) part++;
      // Documents become rows by the tokens of a model.
      if (example.kind === 'text' && example.document) hasDocuments = true;
    },
    found() {
      const own = test && [...readRows(test)].length;
      const held =
        own !== undefined || divided
          ? (own ?? 0) + part
          : countParts(all, { validation: 0, test: testFraction }).test;
      if (hasDocuments || all === 0 || held >= MIN_TEST_ROWS) return [];
      const detail = divided
        ? `The test part has ${plural(held, 'row')}.`
        : own !== undefined
          ? `The test file has ${held} rows that can be read.`
          : `A share of ${testFraction} of ${all} rows is ${held}.`;
      return [{ id: 'few-test-rows', rows: [], detail }];
    },
  };
}
