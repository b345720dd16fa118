/** The test rows of one stage, asked of models, and what their answers are worth: as the stage learned from answers, pairs or rewards. */
import type { Adapter } from '../adapters/adapter.ts';
import type { RowSet } from '../data/row-set.ts';
import { taskNames } from '../evaluate/by-task.ts';
import { drawQuestions } from '../evaluate/draw.ts';
import { ModelExaminee } from '../evaluate/examinee.ts';
import type { StageMeasure, StageRow, StageScore } from '../evaluate/lineage.ts';
import { lossPart, pairsOf, promptPairsOf, type LossPart } from '../evaluate/loss-part.ts';
import type { AskedQuestion } from '../evaluate/methods/method.ts';
import { isExactMatch } from '../evaluate/metrics/exact-match.ts';
import { preferredPairs, referenceOf, type PairLikelihoods } from '../evaluate/pair-order.ts';
import { drawPairs, pairLikelihoods, pairRowsOf } from '../evaluate/pairs.ts';
import type { LossReport } from '../evaluate/comparison.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { passMarkOf } from '../rewards/reward.ts';
import type { RewardSpec } from '../rewards/specs.ts';
import { readRun } from '../storage/runs.ts';
import type { StoredAdapter } from '../storage/records.ts';
import { rewardAnswers, rewardsOf } from './answer-rewards.ts';
import type { Progress, FormSpec } from './api.ts';
import { rowsOf } from './data.ts';
import type { OpenModel } from './model.ts';
import { modelOfAdapter, rowsAnew } from './new-tokens.ts';
import { isChat, readsOtherText } from './sitting.ts';

/** What a model says to the rows of a test. */
export interface Sitting {
  /** None where pairs are compared. */
  readonly answers: readonly string[];
  readonly loss?: LossReport;
  readonly pairs?: readonly PairLikelihoods[];
}

export interface StageTest {
  readonly measure: StageMeasure;
  /** Asks a model. Stopped, it returns what it has. @param adapter none for the base model */
  sit(adapter: Adapter | undefined): Promise<Sitting>;
  /** Lines of the matrix, one for each task. @param sittings of the base model and then of each stage */
  linesOf(sittings: readonly Sitting[]): Promise<StageRow[]>;
}

interface Watch {
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** The parts of an adapter that decide how its pairs are compared. */
async function pairReference(line: readonly StoredAdapter[], stage: number): Promise<number | undefined> {
  const { runId } = line[stage];
  const settings = runId === undefined ? undefined : (await readRun(runId))?.run.settings;
  if (!settings) return undefined;
  const { objective, reference, start } = settings as FormSpec;
  const of = referenceOf({
    ...(objective && { objective }),
    ...(reference && { reference }),
    starts: start !== undefined,
  });
  if (of === 'base') return -1;
  // The adapter that it started from was deleted: its log-probabilities are not known any more.
  return of === 'start' && stage > 0 ? stage - 1 : undefined;
}

/**
 * @param line all stages
 * @param stage whose rows they are
 * @param most rows that are asked
 * @returns undefined where it held nothing out
 */
export async function openStageTest(
  open: OpenModel,
  { line, stage, data, most }: { line: readonly StoredAdapter[]; stage: number; data: RowSet; most: number },
  { onProgress, signal }: Watch,
): Promise<StageTest | undefined> {
  const chat = isChat(open);
  const specs = await rewardsOf(line[stage]);
  const { seed = 0 } = data.options ?? {};
  const prompts = specs && data.questions.length === 0 ? promptPairsOf(data, chat) : [];
  const placed = prompts.length > 0 ? prompts : pairsOf(data, 'test', chat);
  const questions = prompts.length > 0 ? prompts.map(({ question }) => question) : data.questions;
  const drawn = drawQuestions(questions, { rows: most, seed }, open.tokenizer, open.info.maxPositions);
  const asked = drawn.chosen.map((at): AskedQuestion => ({
    question: questions[at],
    example: placed.at(at)?.example,
  }));
  const testOf = (of: RowSet): LossPart =>
    lossPart(of, prompts.length > 0 ? prompts : pairsOf(of, 'test', chat), drawn, {
      rows: most,
      lossOf: 'asked',
    });
  const test = testOf(data);
  if (test.rows.length === 0) return undefined;
  /** Pairs among the drawn rows; answers with labels find each other among all of the test rows. */
  const pairsIn = (of: RowSet, part: LossPart): readonly LabelledTokens[] =>
    part.rows.some(({ desirable }) => desirable !== undefined)
      ? drawPairs(pairRowsOf(rowsOf(of, 'test')), { rows: most, seed })
      : pairRowsOf(part.rows);
  const measure = specs ? 'rewards' : pairsIn(data, test).length > 0 ? 'pairs' : 'answers';
  return {
    measure,
    async sit(adapter) {
      const own = await modelOfAdapter(open, adapter);
      // An adapter with new tokens reads the rows with them.
      const read = own === open ? data : await rowsAnew(data, own);
      const part = own === open ? test : testOf(read);
      const by = adapter ? 'adapter' : 'base';
      const examinee = new ModelExaminee(
        { name: open.info.name, model: open.model, tokenizer: own.tokenizer },
        {
          ...(adapter && { adapter }),
          newTokens: drawn.newTokens,
          test: part,
          signal,
          onProgress: (step) => onProgress({ ...step, by }),
        },
      );
      if (measure === 'rewards')
        return { answers: await examinee.ask(asked.map(({ question }) => question)) };
      const answers = measure === 'pairs' ? [] : await examinee.ask(asked.map(({ question }) => question));
      // New tokens divide a text into other rows, and losses on other passages do not compare.
      const loss = adapter && readsOtherText(data, adapter) ? undefined : await examinee.loss();
      if (measure === 'answers' || signal.aborted) return { answers, ...(loss && { loss }) };
      const rows = pairsIn(read, part);
      const pairs = await pairLikelihoods(open.model, rows, adapter, (done) => {
        onProgress({ what: 'comparing', pairs: true, by, done, total: rows.length });
        signal.throwIfAborted();
      });
      return { answers, pairs, ...(loss && { loss }) };
    },
    async linesOf(sittings) {
      const { name } = line[stage];
      if (specs) return [await rewardLine(specs, open, asked, sittings, { name, stage })];
      if (measure === 'pairs') return [pairLine(sittings, await pairReference(line, stage), { name, stage })];
      return answerLines(asked, sittings, { name, stage });
    },
  };
}

type Named = Pick<StageRow, 'name' | 'stage'>;

const lineOfScores = (
  named: Named & Partial<StageRow> & Pick<StageRow, 'rows'>,
  [base, ...scores]: readonly StageScore[],
): StageRow => ({ ...named, base, scores });

async function rewardLine(
  specs: readonly RewardSpec[],
  open: OpenModel,
  asked: readonly AskedQuestion[],
  sittings: readonly Sitting[],
  named: Named,
): Promise<StageRow> {
  const lists = sittings.map(({ answers }) => answers);
  const scored = await rewardAnswers(specs, open, asked, lists);
  return lineOfScores(
    { ...named, rows: asked.length, measure: 'rewards', passMark: passMarkOf(specs) },
    scored.map(({ totals }) => ({ byRow: totals })),
  );
}

/** @param reference the index of the stage that pairs are compared with, −1 for the base model; undefined for none */
function pairLine(sittings: readonly Sitting[], reference: number | undefined, named: Named): StageRow {
  const found = sittings.map(({ pairs = [] }) => pairs);
  return lineOfScores(
    { ...named, rows: found[0].length, measure: 'pairs', ...(reference !== undefined && { reference }) },
    sittings.map(({ loss }, at): StageScore => {
      const told = loss ? { loss } : {};
      if (reference !== undefined && at === reference + 1) return told;
      const byRow = preferredPairs(found[at], reference === undefined ? undefined : found[reference + 1]).map(
        Number,
      );
      return { ...told, byRow, right: byRow.filter(Boolean).length };
    }),
  );
}

function answerLines(
  asked: readonly AskedQuestion[],
  sittings: readonly Sitting[],
  { name, stage }: Named,
): StageRow[] {
  const questions = asked.map(({ question }) => question);
  const tasks = taskNames(questions);
  const isOf = (at: number, task: string | undefined): boolean =>
    task === undefined || questions[at].task === task;
  const scoreOf = ({ answers, loss }: Sitting, task: string | undefined): StageScore => {
    const byRow = questions.flatMap(({ expected }, at) =>
      isOf(at, task) ? [Number(isExactMatch(answers[at], expected))] : [],
    );
    const of = task === undefined ? loss : loss?.tasks?.[task];
    return {
      ...(questions.length > 0 && { right: byRow.filter(Boolean).length, byRow }),
      ...(of && { loss: of }),
    };
  };
  const parts = tasks.length < 2 ? [undefined] : tasks;
  return parts.map((task) =>
    lineOfScores(
      {
        name: task === undefined ? name : `${name}: ${task}`,
        stage,
        rows: questions.filter((_, at) => isOf(at, task)).length,
      },
      sittings.map((sitting) => scoreOf(sitting, task)),
    ),
  );
}
