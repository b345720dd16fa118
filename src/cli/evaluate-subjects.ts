/** Who is evaluated: the methods that were chosen, and for those of adapters each adapter and tuned model, with what each reads and is measured by. */
import type { Adapter } from '../adapters/adapter.ts';
import { prepareRows, type PreparedRow } from '../data/prepare.ts';
import { GraftError } from '../errors.ts';
import type { Forgetting } from '../evaluate/forgetting.ts';
import { drawRows, type Drawn } from '../evaluate/draw.ts';
import { OpenEvalModel } from '../evaluate/open-eval-model.ts';
import { evaluateLoss } from '../evaluate/loss.ts';
import { instructed } from '../evaluate/methods/instructed.ts';
import type { Method } from '../evaluate/methods/method.ts';
import { drawPairs, pairRowsOf } from '../evaluate/pairs.ts';
import type { Seen, Trained } from '../evaluate/record.ts';
import type { OpenSubject, SubjectPlan } from '../evaluate/run-evaluation.ts';
import { isHeld, itemOf, itemsOf, type List } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { plural } from '../numbers.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { openAdapterWithFacts, type OpenedAdapter } from './adapter-facts.ts';
import {
  methodLeftOutInWords,
  noTraining,
  ownRows,
  tooFewExamples,
  wholeExamples,
  type AskedPart,
  type RowPair,
} from './evaluate-session-rows.ts';
import {
  askedShots,
  chosenMethods,
  hasExamples,
  type EvaluateFlags,
  type LOSS_ROWS,
} from './evaluate-flags.ts';
import type { ChosenRewards } from './evaluate-rewards.ts';
import { TrainedRows, type MeasuredRows } from './evaluate-seen.ts';
import { ForgettingWatch, openCheck, type ForgettingInputs } from './forgetting.ts';
import { readGeneral } from './general-text.ts';
import { otherBase, readLineage, trainedOf } from './lineage.ts';
import type { Output } from './output.ts';
import { tokenizerOfAdapter, type LoadedModel } from './session.ts';
import type { PlacedRow } from './placed-rows.ts';
import { tunedModel, type TunedFolder } from './tuned-model.ts';

interface SubjectRows extends Pick<MeasuredRows, 'files' | 'limits' | 'tokenizer' | 'measured'> {
  readonly flags: EvaluateFlags;
  readonly part: AskedPart;
  readonly session: LoadedModel;
  readonly all: List<PlacedRow>;
  /** The measured rows without those that are reserved. */
  readonly left: List<PlacedRow>;
  /** Rows with a question, and their places among the measured ones. */
  readonly test: List<RowPair>;
  readonly drawn: Drawn;
  readonly lossOf: (typeof LOSS_ROWS)[number];
  readonly rowCount: number;
  readonly seed: number;
  readonly chosenRewards: ChosenRewards | undefined;
  readonly isPrompts: boolean;
  /** Training rows that can be examples. */
  readonly trainRows: number;
  /** Rows that are not asked, as examples in their place. */
  readonly reserved: readonly RowPair[] | undefined;
  /** Tells how far the present subject is. */
  readonly report: (text: string) => void;
}

/** Something tuned, and what it asks. */
type Tuned = {
  readonly own: Tokenizer;
  readonly seen?: Seen;
  readonly trained?: Trained;
} & Partial<OpenedAdapter> &
  Partial<Pick<TunedFolder, 'open' | 'objective'>>;

interface OpenSubjects {
  readonly subjects: readonly SubjectPlan[];
  /** How many pairs of answers the measured rows have. */
  readonly pairs: number;
}

const isPrompting = (method: Method): boolean => method === instructed || hasExamples(method);

/** @throws GraftError `delta-base` for a tuned model of another base, and those of opening adapters and texts */
export async function openSubjects(exam: SubjectRows, output: Output): Promise<OpenSubjects> {
  const { flags, session, tokenizer, drawn, test, measured, left, isPrompts, chosenRewards } = exam;
  const general = flags.text('general');
  const generalText = general === undefined ? undefined : await readGeneral(general, session);
  const tuned = await openTuned(exam, output);
  const forgetting = flags.text('forgetting');
  const check =
    forgetting === undefined ? undefined : await openCheck(forgetting, session, ownRows(exam.all, measured));
  // Rows without a question have a loss, too.
  const lossRows =
    exam.lossOf === 'all'
      ? [...itemsOf(left)]
      : drawn.chosen.length > 0
        ? drawn.chosen.map((at) => itemOf(measured, itemOf(test, at).row))
        : drawRows(left.length, { rows: exam.rowCount, seed: exam.seed }).map((at) => itemOf(left, at));
  const chat = tokenizer.chatTemplate !== undefined;
  const examples = wholeExamples(lossRows, chat);
  const rowsBy = (own: Tokenizer, adapter: Adapter | undefined): PreparedRow[] =>
    rowsAgain(exam, lossRows, own, adapter);
  // Rows of a large file are of kinds that go together.
  const areJudged = (isHeld(measured) ? measured : [itemOf(measured, 0)]).some(
    ({ row }) => row.desirable !== undefined,
  );
  /** Pairs among the measured rows; answers with labels find each other among all of the part. */
  const pairsBy = (own: Tokenizer, adapter: Adapter | undefined): readonly LabelledTokens[] =>
    areJudged
      ? drawPairs(pairRowsOf(rowsAgain(exam, itemsOf(left), own, adapter)), {
          rows: exam.rowCount,
          seed: exam.seed,
        })
      : pairRowsOf(rowsBy(own, adapter));
  let watch: ForgettingWatch | undefined;
  /** The base is measured once. */
  const forgottenBy = async (
    asked: ForgettingInputs,
    adapter: Adapter | undefined,
    beside: LanguageModel | undefined,
  ): Promise<Forgetting> => {
    watch ??= await ForgettingWatch.begin(asked, session, output, undefined);
    return adapter || beside ? watch.end(adapter, beside) : watch.start;
  };

  const openSubject = async ({ adapter, own, open }: Tuned): Promise<OpenSubject> => {
    // One tuned model at a time is on the device.
    const beside = await open?.();
    const model = beside ?? session.model;
    return {
      model: new OpenEvalModel(
        { name: session.files.name, model, tokenizer: own },
        {
          ...(adapter && { adapter }),
          newTokens: drawn.newTokens,
          // No token of a prompt alone is to be learned.
          ...(!isPrompts && {
            test: () => ({ rows: rowsBy(own, adapter), examples }),
            pairs: () => pairsBy(own, adapter),
          }),
          onProgress: ({ what, pairs: isPairs, done, total }) =>
            exam.report(
              isPairs
                ? `compared ${done} of ${plural(total, 'pair')}`
                : `${what === 'answering' ? 'answered' : what === 'evaluating' ? 'loss of' : 'prepared'} ${Math.floor(done)} of ${total} rows`,
            ),
        },
      ),
      isLost: () => session.device.failure !== undefined,
      ...(generalText && { general: () => evaluateLoss(model, generalText, adapter) }),
      ...(check && { forgetting: () => forgottenBy(check, adapter, beside) }),
      async close() {
        if (!beside || session.device.failure) return;
        await session.device.settle();
        await beside.destroy();
      },
    };
  };

  /** A default method that cannot be measured is left out; one that was asked for is an error. */
  const isOptional = flags.text('methods') === undefined;
  const counts = askedShots(flags);
  const exampleRows = exam.reserved?.length ?? exam.trainRows;
  /** Why a method that was asked for cannot answer without training rows. */
  const lackOf = (method: Method, shots: number | undefined): GraftError | undefined => {
    if (isOptional || exam.trainRows > 0) return undefined;
    if (method.kind === 'rule') return noTraining();
    if (shots === undefined || shots <= exampleRows) return undefined;
    return exam.part === 'all' && !isPrompts ? tooFewExamples(shots, test.length) : noTraining();
  };
  const planOf = (method: Method, one: Tuned | undefined, shots: number | undefined): SubjectPlan => {
    const { name, kind, objective, took, seen, trained } = one ?? {};
    const lack = lackOf(method, shots);
    const many = counts.length > 1 && shots !== undefined ? `: ${shots}` : '';
    return {
      method,
      ...(shots !== undefined && { shots }),
      subject: {
        method: method.name,
        label: name ?? `${method.title}${many}`,
        ...(name !== undefined && { adapter: { name, folder: name } }),
        ...(kind !== undefined && { kind }),
        ...(objective !== undefined && { objective }),
        ...(took && { took }),
        ...(seen !== undefined && { seen }),
        ...(trained && { trained }),
      },
      open: () => (lack ? Promise.reject(lack) : openSubject(one ?? { own: tokenizer })),
      ...(isOptional &&
        isPrompting(method) && {
          isOptional: (error) => error instanceof GraftError && error.code === 'evaluate-shots',
        }),
    };
  };
  const subjects = chosenMethods(flags, chosenRewards?.learned)
    .filter((method) => {
      const lacks = isOptional && hasExamples(method) && exampleRows < counts[0];
      if (lacks) output.line(methodLeftOutInWords(method.title, exam.part, exampleRows));
      return !lacks;
    })
    .flatMap((method) => {
      const all = hasExamples(method) ? counts : [undefined];
      return method.kind === 'adapter'
        ? tuned.flatMap((one) => all.map((shots) => planOf(method, one, shots)))
        : all.map((shots) => planOf(method, undefined, shots));
    });
  return { subjects, pairs: isPrompts ? 0 : pairsBy(tokenizer, undefined).length };
}

async function openTuned(exam: SubjectRows, output: Output): Promise<Tuned[]> {
  const { flags, part, session, tokenizer, drawn, test, all, measured, left } = exam;
  const { files, limits } = exam;
  const asked = drawn.chosen.map((at) => itemOf(measured, itemOf(test, at).row));
  /** Rows of training are known to be seen. */
  const trained = new TrainedRows({
    ...{ files, limits, tokenizer, measured: left, asked },
    // With an index, rows without an answer are read with another one.
    all: flags.isGiven('index') ? undefined : all,
  });
  const seenBy = async (path: string, own: Tokenizer): Promise<{ readonly seen?: Seen }> =>
    part === 'train' || part === 'validation' ? {} : { seen: await trained.seenBy(path, own) };
  const adapters: Tuned[] = [];
  for (const path of flags.texts('adapter')) {
    const opened = await openAdapterWithFacts(path, session.model);
    const other = await otherBase(path, session.model.weightChoices);
    if (other !== undefined) output.line(other);
    const own = await tokenizerOfAdapter(path, opened.adapter, session.files, tokenizer);
    adapters.push({ ...opened, own, ...(await seenBy(path, own)), ...(await trainedBy(path)) });
  }
  const models: Tuned[] = [];
  for (const path of flags.texts('tuned'))
    models.push({
      ...(await tunedModel(path, flags, session)),
      own: tokenizer,
      ...(await seenBy(path, tokenizer)),
      ...(await trainedBy(path)),
    });
  return [...adapters, ...models];
}

/** The recipe and the seed of a folder, if it says them. */
async function trainedBy(path: string): Promise<{ readonly trained?: Trained }> {
  // A file that says nothing of use takes nothing else from the evaluation.
  const stage = await readLineage(path).catch(() => undefined);
  const trained = stage && trainedOf(stage);
  return trained ? { trained } : {};
}

/** Rows as an adapter reads them: one with new tokens reads them differently; parts of documents stay unchanged. */
function rowsAgain(
  { tokenizer, limits, files, session }: SubjectRows,
  of: Iterable<PlacedRow>,
  own: Tokenizer,
  adapter: Adapter | undefined,
): PreparedRow[] {
  const rows: PreparedRow[] = [];
  for (const one of of) {
    if (own === tokenizer || !one.example) {
      rows.push(one.row);
      continue;
    }
    const { row, example } = one;
    const again = prepareRows([example], own, {
      ...{ maxLength: limits.maxLength, overlong: files.options.overlong },
      vocabSize: session.model.vocabularyWith(adapter),
    });
    for (const made of again.rows)
      rows.push({
        ...made,
        ...(row.task !== undefined && { task: row.task }),
        ...(row.desirable !== undefined && { desirable: row.desirable }),
      });
  }
  return rows;
}
