/** Adds scorers of attempts to a record, as far as they read nothing but the answers and what the record keeps of their rows. */
import type { StartSandbox } from '../scorers/sandbox/sandbox.ts';
import type { ScorerChoice } from '../scorers/chosen.ts';
import type { Attempt, AttemptScorer } from '../scorers/scorer.ts';
import { attemptsToAdd } from './add-scorers.ts';
import type { Evaluation, FailedPart } from './record.ts';
import { columnOf, usedScorer } from './score-answers.ts';

/**
 * The same record with the columns of these scorers. A column of the same name that had other settings is replaced.
 *
 * @param startSandbox for code that may not end
 */
export async function addAttempts(
  record: Evaluation,
  choices: readonly ScorerChoice[],
  startSandbox?: StartSandbox,
): Promise<Evaluation> {
  let all = record;
  for (const scorer of attemptsToAdd(record, choices)) all = await addOne(all, scorer, startSandbox);
  return all;
}

async function addOne(
  record: Evaluation,
  scorer: AttemptScorer,
  startSandbox: StartSandbox | undefined,
): Promise<Evaluation> {
  const { items, subjects, scorers, scores } = record;
  const columns: (readonly (number | null)[])[] = [];
  const lacks: (FailedPart | undefined)[] = [];
  for (const at of subjects.keys()) {
    const attempts = items.map((_, item) => attemptOf(record, item, at));
    const answered = attempts.filter((attempt) => attempt !== undefined);
    if (answered.length === 0) {
      columns.push([]);
      lacks.push(undefined);
      continue;
    }
    const column = await columnOf(scorer, answered, startSandbox);
    // Items without an answer have no place among the scores.
    const left = column.scores[Symbol.iterator]();
    columns.push(attempts.map((attempt) => (attempt && left.next().value) ?? null));
    lacks.push(column.failed);
  }
  const kept = scorers.map(({ name }) => name !== scorer.name);
  return {
    ...record,
    subjects: subjects.map(({ lacks: before = [], ...subject }, at) => {
      const parts = [...before.filter(({ name }) => !isOf(name, scorer)), ...(lacks[at] ? [lacks[at]] : [])];
      return { ...subject, ...(parts.length > 0 && { lacks: parts }) };
    }),
    scorers: [...scorers.filter((_, at) => kept[at]), usedScorer(scorer)],
    scores: scores.map((row, item) =>
      row.map((own, at) => [...own.filter((_, column) => kept[column]), columns[at][item] ?? null]),
    ),
  };
}

/** Whether a part that failed is this scorer's. */
const isOf = (part: string, { label }: AttemptScorer): boolean =>
  part === label || part.startsWith(`${label} on `);

/** Undefined for an item that a subject did not answer. */
function attemptOf({ items, evidence }: Evaluation, item: number, at: number): Attempt | undefined {
  const answer = evidence[item][at];
  if (!answer) return undefined;
  const { text: completion, tokens = 0, truncated = false, passages } = answer;
  const { prompt, expected } = items[item];
  return {
    ...{ prompt, completion, tokens, cut: truncated, answer: expected },
    ...(passages && { passages }),
    row: {},
  };
}
