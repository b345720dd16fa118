/** What is known of a run before its first step: its record, and the rows that it learns from. */
import { onlyTask } from '../../data/row-set.ts';
import { isHeld, spread, type List } from '../../lists.ts';
import { afterPrompt, asRowsAsk } from '../../data/questions.ts';
import { objectiveOf, OBJECTIVES } from '../../objectives/registry.ts';
import { headlessCommand } from '../../runs/headless-command.ts';
import { referenceOfPrompt } from '../../runs/sample-answer.ts';
import type { StoredRun } from '../../storage/records.ts';
import { unigramLoss } from '../../train/spike.ts';
import type { FormSpec } from '../api.ts';
import type { DataSet } from '../data/data.ts';
import type { OpenModel } from '../models/model.ts';
import { askedRows, hasLarge, type RowsOfRun } from './rows-of-run.ts';

/** Rows of a large file whose tokens are counted. */
const COUNTED_ROWS = 2048;
const countedRows = <Row>(rows: List<Row>): readonly Row[] =>
  isHeld(rows) ? rows : spread(rows, COUNTED_ROWS);

/** @param options checked against the rows and the model */
export function newRun(
  options: FormSpec,
  data: DataSet,
  open: OpenModel,
): { readonly run: Omit<StoredRun, 'projectId'>; readonly rows: RowsOfRun; readonly isLarge: boolean } {
  // Where rewards decide, the row's answer may be only a part of the right one.
  const isTold = options.sampleEvery > 0 && !objectiveOf(options.objective).samples;
  const wanted = isTold ? referenceOfPrompt(data, options.samplePrompt) : undefined;
  const sampled = asRowsAsk(data, options.samplePrompt, open.tokenizer);
  const after = open.tokenizer.chatTemplate === undefined ? afterPrompt(data) : '';
  const rows = askedRows(onlyTask(data, options.task), options);
  const run = {
    id: crypto.randomUUID(),
    created: Date.now(),
    status: 'running' as const,
    settings: options,
    baseModel: open.info.name,
    modelFingerprint: open.fingerprint,
    precision: open.info.precision,
    baseWeights: open.info.baseWeights,
    bundled: open.source.bundled,
    dataName: data.ref?.name ?? data.name,
    ...(data.ref && { data: data.ref }),
    ...(data.options && { dataOptions: data.options }),
    command: headlessCommand(options, data, open),
    steps: [],
    evals: [],
    samples: [],
    ...(sampled !== options.samplePrompt && { asked: sampled }),
    ...(wanted !== undefined && { wanted }),
    ...(after !== '' && { afterPrompt: after }),
    // Other objectives have losses of other kinds.
    ...(objectiveOf(options.objective) === OBJECTIVES[0] && {
      unigramLoss: unigramLoss(countedRows(rows.train)),
    }),
  };
  return { run, rows, isLarge: hasLarge(data) };
}
