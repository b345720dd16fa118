/** Test prompts in training rows, and test parts that are too small. */
import { itemOf } from '../../lists.ts';
import { plural } from '../../numbers.ts';
import { smallNumbers, wholeNumbers } from '../number-column.ts';
import { DistinctHashes, hashesOfTexts } from '../row-hashes.ts';
import { countParts } from '../split.ts';
import type { Checked, Found, RuleAtWork } from './finding.ts';
import type { Slow } from './slow.ts';
import {
  isTested,
  readRows,
  testedOf,
  textOfQuestion,
  shinglesOf,
  wordHashesOf,
  wordsOf,
  wordsOfRow,
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
  const { held, test } = checked;
  if ((test?.length ?? 0) + (held?.size ?? 0) === 0) return { found: () => [] };
  const prompts = new TestPrompts();
  /** Rows with a whole prompt, and the places of others that share words with one. */
  const leaked: number[] = [];
  const sharing = wholeNumbers();
  let read = 0;
  let place = 0;
  return {
    *before(): Slow<void> {
      for (const { example } of testedOf(checked)) {
        prompts.add(textOfQuestion(example));
        yield;
      }
    },
    see(row) {
      const here = place++;
      if (prompts.isEmpty || !row.example || isTested(checked, row)) return;
      read++;
      const isShared = prompts.count(wordsOfRow(row.example));
      if (prompts.train(textOfQuestion(row.example))) leaked.push(row.row);
      else if (isShared) sharing.push(here);
    },
    *found(): Slow<Found[]> {
      const max = Math.max(COMMON_ROWS, COMMON_SHARE * read);
      for (const at of sharing.all) {
        const { row, example } = itemOf(checked.rows, at);
        if (example && prompts.areCopied(wordsOfRow(example), max)) leaked.push(row);
        yield;
      }
      const touched = prompts.countTrained(max);
      return [
        {
          id: 'test-in-train',
          rows: leaked,
          detail: `${touched} of ${prompts.length} test prompts are trained on.`,
          ...(touched >= WORTHLESS * prompts.length && { severity: 'error' as const }),
        },
      ];
    },
  };
}

const NO_GRAMS = new Uint32Array();
const gramsOf = (words: Uint32Array): Uint32Array =>
  words.length < OVERLAP ? NO_GRAMS : shinglesOf(words, OVERLAP);

/** Prompts of test rows, by hashes, and their groups of twelve words. */
class TestPrompts {
  /** Different prompts, and how many test rows have each. One without words is not among them. */
  readonly #prompts = new DistinctHashes();
  readonly #rows = wholeNumbers();
  /** 1 for each prompt that a training row has. */
  readonly #trained = smallNumbers();
  /** The groups of words of all prompts by their numbers, and how many those up to each prompt have. */
  readonly #grams = wholeNumbers();
  readonly #ends = wholeNumbers();
  readonly #numbers = new DistinctHashes();
  /** How many prompts and how many training rows have each group of words. */
  readonly #ofPrompts = wholeNumbers();
  readonly #ofRows = wholeNumbers();
  /** Test rows. */
  length = 0;

  get isEmpty(): boolean {
    return this.#prompts.length === 0;
  }

  add(prompt: string): void {
    this.length++;
    const words = wordsOf(prompt).join(' ');
    if (words === '') return;
    const number = this.#prompts.add(hashesOfTexts(words));
    if (number < this.#rows.length) {
      this.#rows.set(number, this.#rows.at(number) + 1);
      return;
    }
    this.#rows.push(1);
    this.#trained.push(0);
    for (const gram of gramsOf(wordHashesOf(prompt))) {
      const own = this.#numbers.add([gram, gram]);
      if (own === this.#ofPrompts.length) {
        this.#ofPrompts.push(0);
        this.#ofRows.push(0);
      }
      this.#ofPrompts.set(own, this.#ofPrompts.at(own) + 1);
      this.#grams.push(own);
    }
    this.#ends.push(this.#grams.length);
  }

  /** Counts the groups of words of a training row. @returns whether a prompt has one of them */
  count(words: Uint32Array): boolean {
    if (this.#numbers.length === 0) return false;
    let isShared = false;
    for (const gram of gramsOf(words)) {
      const own = this.#numbers.find([gram, gram]);
      if (own === undefined) continue;
      this.#ofRows.set(own, this.#ofRows.at(own) + 1);
      isShared = true;
    }
    return isShared;
  }

  /** Notes the prompt of a training row. @returns whether a test row has it */
  train(prompt: string): boolean {
    const number = this.#prompts.find(hashesOfTexts(wordsOf(prompt).join(' ')));
    if (number !== undefined) this.#trained.set(number, 1);
    return number !== undefined;
  }

  /** Whether words of a row were copied. @param max rows of words that were */
  areCopied(words: Uint32Array, max: number): boolean {
    return gramsOf(words).some((gram) => {
      const own = this.#numbers.find([gram, gram]);
      return own !== undefined && this.#isCopied(own, max);
    });
  }

  #isCopied(gram: number, max: number): boolean {
    return this.#ofRows.at(gram) <= max && this.#ofPrompts.at(gram) < COMMON_PROMPTS;
  }

  /** Test rows of whose prompts all or some words are trained on. */
  countTrained(max: number): number {
    const isTrained = (gram: number): boolean => this.#ofRows.at(gram) > 0 && this.#isCopied(gram, max);
    let count = 0;
    for (let prompt = 0; prompt < this.#prompts.length; prompt++) {
      const grams = this.#grams.all.subarray(
        prompt === 0 ? 0 : this.#ends.at(prompt - 1),
        this.#ends.at(prompt),
      );
      if (this.#trained.at(prompt) === 1 || grams.some(isTrained)) count += this.#rows.at(prompt);
    }
    return count;
  }
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
