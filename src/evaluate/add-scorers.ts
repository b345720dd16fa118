/** Adds scorers to a record: those that compare texts need only the answers that it keeps, and those of the likelihood the losses. */
import { answerScores } from '../scorers/scores.ts';
import { TEXT_SCORERS } from '../scorers/lists.ts';
import { isSameSpec, scorerOfChoice, scorerSpecOf, type ScorerChoice } from '../scorers/chosen.ts';
import { SCORERS } from '../scorers/registry.ts';
import { isComparing, needsOf, type AttemptScorer, type Need, type Scorer } from '../scorers/scorer.ts';
import { EXACT_MATCH } from '../scorers/parts/share.ts';
import type { Evaluation } from './record.ts';
import { sideOf } from './sides.ts';

/**
 * The same record with the columns of these scorers, as far as it has none of them and stored answers or losses are enough.
 *
 * @param names of scorers; those of attempts are left out (add-attempts.ts), and those that have to run again
 */
export function addScorers(record: Evaluation, names: readonly ScorerChoice[]): Evaluation {
  const isKnown = (wanted: string): boolean => record.scorers.some(({ name }) => name === wanted);
  // Answers to prompts alone have nothing to be compared with.
  const added = isKnown(EXACT_MATCH)
    ? TEXT_SCORERS.filter(({ name }) => names.includes(name) && !isKnown(name))
    : [];
  const ofLoss = (SCORERS as readonly Scorer[]).filter(
    (scorer) =>
      scorer.of === 'likelihood' &&
      !scorer.usual &&
      names.includes(scorer.name) &&
      !isKnown(scorer.name) &&
      record.subjects.some(({ loss }) => loss && scorer.aggregate(loss)),
  );
  if (added.length + ofLoss.length === 0) return record;
  const columns = record.subjects.map((_, at) => {
    const rows = sideOf(record, at).answers.map((answer, row) => ({
      answer,
      expected: record.items[row].expected,
    }));
    return added.map((scorer) => answerScores(scorer, rows));
  });
  return {
    ...record,
    scorers: [...record.scorers, ...[...added, ...ofLoss].map(({ name }) => ({ name }))],
    scores: record.scores.map((subjects, item) =>
      subjects.map((scores, at) => [
        ...scores,
        ...columns[at].map((column) => column[item] ?? null),
        ...ofLoss.map(() => null),
      ]),
    ),
  };
}

/** What a record keeps of a row. Tokens are counted by a tokenizer, and other columns are in the file. */
const KEPT: ReadonlySet<Need> = new Set(['reference', 'label', 'prompt', 'passages']);

/** Whether a record has prompts only, whose answers have nothing to be compared with. */
const isOfPrompts = ({ items }: Evaluation): boolean => items.every(({ expected }) => expected === '');

/** Why a scorer cannot have a score in a record, as the end of a sentence; undefined if it can. */
export function lackOf(scorer: Scorer, record: Evaluation): string | undefined {
  const needs = needsOf(scorer);
  const isOfLoss = needs.includes('likelihood');
  if ((isComparing(needs) || isOfLoss) && isOfPrompts(record))
    return 'it needs the answers of the rows, and these rows are prompts without one';
  if (record.scorers.some(({ name }) => name === scorer.name)) return undefined;
  if (isOfLoss)
    return record.subjects.some(({ loss }) => loss)
      ? undefined
      : 'it reads the loss, which was not measured. Measure again with it';
  return needs.every((need) => KEPT.has(need))
    ? undefined
    : 'it reads numbers of tokens or other columns of the rows, which the record does not keep. Measure again with it';
}

/** Those of the choices that can be added to a record, and that it has not with these settings. */
export function attemptsToAdd(
  record: Evaluation,
  choices: readonly ScorerChoice[],
): readonly AttemptScorer[] {
  const { items, scorers } = record;
  return choices.flatMap((choice) => {
    const scorer = scorerOfChoice(choice);
    if (scorer?.of !== 'attempts') return [];
    const used = scorers.find(({ name }) => name === scorer.name);
    const needs = needsOf(scorer);
    const isKnown = used !== undefined && isSameSpec(used.scorer, scorerSpecOf(scorer));
    const fits = needs.every((need) => KEPT.has(need)) && !(isComparing(needs) && isOfPrompts(record));
    return isKnown || !fits || items.length === 0 ? [] : [scorer];
  });
}
