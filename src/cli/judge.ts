/** `graft judge`: a model compares two answers to each question, in both orders, by likelihood. */
import { GraftError } from '../errors.ts';
import { itemsLeft, judgedPair, judgingOf, withJudging, withVerdicts } from '../evaluate/judge-record.ts';
import {
  judgedInWords,
  judgedNames,
  judgedReport,
  judgedResult,
  verdictOf,
  winNumbers,
  winsOf,
  type JudgedWords,
} from '../evaluate/judged.ts';
import { JudgingPrompt, type JudgedPair } from '../evaluate/judging-prompt.ts';
import { defaultJudgingPrompt, DEFAULT_RUBRIC } from '../evaluate/judging-prompt-text.ts';
import { ADAPTER_METHOD, BASE } from '../evaluate/methods/names.ts';
import { judgePairs, type Leans } from '../evaluate/model-judge.ts';
import { readPredictions, type PredictedGroup } from '../evaluate/predictions.ts';
import type { Evaluation, ModelJudging, ModelTurn } from '../evaluate/record.ts';
import { evaluationFile, readEvaluation } from '../evaluate/record-file.ts';
import { decodeUtf8 } from '../json.ts';
import { plural } from '../numbers.ts';
import { EXIT, SIGNALS } from './exit.ts';
import { readWhole, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { checkFile, checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { modelFlags, openSession, requiredTokenizer } from './session.ts';

export const judgeFlags = {
  ...modelFlags,
  predictions: {
    value: 'A.jsonl B.jsonl',
    many: true,
    help: 'answers to the same questions, row by row: JSON lines with "prompt", "prediction" and "reference" (which may be empty), or a predictions.jsonl of graft evaluate with two methods',
  },
  evaluation: {
    value: 'FILE',
    help: 'in place of predictions, an evaluation.json or report.json: two of its methods are compared, and the agreement with a person who judged the same pairs blind is measured',
  },
  between: {
    value: 'A B',
    many: true,
    help: 'the two methods of --evaluation, as its table names them (default: the base model and the first adapter)',
  },
  rubric: {
    value: 'TEXT',
    help: `what makes an answer better, in the prompt of the judge (default: "${DEFAULT_RUBRIC}")`,
  },
  prompt: {
    value: 'FILE',
    help: 'the whole prompt of the judge instead, as a Jinja template of question, reference, a and b',
  },
  out: {
    value: 'FILE',
    help: 'every verdict as JSON; with --evaluation the record with the verdicts in it, which the page opens and a later call continues',
  },
  overwrite: { help: 'replace --out if it is there' },
  json: { help: 'print the result as JSON' },
} as const satisfies FlagSpecs;

type JudgeFlags = Flags<typeof judgeFlags>;

/** What is judged, and what is made of the verdicts. */
interface Task {
  readonly pairs: readonly JudgedPair[];
  /** The words and numbers of the verdicts so far, and the content of --out. */
  finish(leans: readonly Leans[]): {
    readonly words: JudgedWords;
    readonly report: object;
    readonly file: string;
  };
}

/** @throws GraftError `arguments`, `judging-prompt`, `file-missing`, `file-used`, `predictions`, `evaluation-file`, and those of models */
export async function judgeCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(judgeFlags, args);
  const model = flags.required('model');
  const predictions = flags.texts('predictions');
  const evaluation = flags.text('evaluation');
  if (predictions.length > 0 === (evaluation !== undefined))
    throw new GraftError(
      'arguments',
      evaluation === undefined
        ? 'There is nothing to judge.'
        : '--predictions and --evaluation are both given.',
      'Give --predictions A.jsonl B.jsonl, or --evaluation FILE.',
    );
  if (evaluation === undefined && flags.isGiven('between'))
    throw new GraftError(
      'arguments',
      '--between names methods of --evaluation, and --predictions has none.',
      'Leave it out.',
    );
  const prompt = await promptOf(flags);
  const out = flags.text('out');
  if (out !== undefined) {
    checkOutput('--out', out, [
      { what: 'the judge', path: model },
      { what: 'the evaluation', path: evaluation },
      ...predictions.map((path) => ({ what: 'the predictions', path })),
    ]);
    checkFile('--out', out, flags.on('overwrite'));
  }
  const judge = model.replace(/[\\/]+$/, '').replace(/^.*[\\/]/, '');
  const task =
    evaluation === undefined
      ? await fromPredictions(predictions, judge, prompt)
      : await fromEvaluation(evaluation, flags, judge, prompt);
  const { leans, stopped } = await judgeAll(flags, output, prompt, task.pairs);
  const { words, report, file } = task.finish(leans);
  if (out !== undefined) await writeWhole(out, new TextEncoder().encode(file));
  if (flags.on('json')) output.result(`${JSON.stringify({ ...report, stopped })}\n`);
  else output.result(`${[words.headline, ...words.evidence].join('\n\n')}\n`);
  if (out !== undefined) output.line(`Wrote ${out}`);
  if (stopped) {
    output.line(`Stopped after ${plural(leans.length, 'pair')}: these verdicts are kept.`);
    process.exitCode = EXIT.interrupted;
  }
}

/** @throws GraftError `arguments`, `judging-prompt`, `file-missing` */
async function promptOf(flags: JudgeFlags): Promise<JudgingPrompt> {
  const file = flags.text('prompt');
  const rubric = flags.text('rubric');
  if (file !== undefined && rubric !== undefined)
    throw new GraftError(
      'arguments',
      '--rubric is a part of the default prompt, and --prompt replaces the whole.',
      'Leave one of them out.',
    );
  return new JudgingPrompt(
    file === undefined ? defaultJudgingPrompt(rubric) : decodeUtf8(await readWhole(file), file),
  );
}

/** Opens the judge and asks it, until a signal stops it. */
async function judgeAll(
  flags: JudgeFlags,
  output: Output,
  prompt: JudgingPrompt,
  pairs: readonly JudgedPair[],
): Promise<{ readonly leans: readonly Leans[]; readonly stopped: boolean }> {
  const leans: Leans[] = [];
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  if (pairs.length === 0) return { leans, stopped: false };
  const { model, files } = await openSession(flags, output);
  const tokenizer = await requiredTokenizer(files);
  for (const signal of SIGNALS) process.once(signal, stop);
  try {
    await judgePairs({ model, tokenizer }, prompt, pairs, async (own) => {
      leans.push(own);
      output.progress(`Judging: ${leans.length} of ${plural(pairs.length, 'pair')}`);
      // Signals are seen between two pairs.
      await new Promise((resolve) => setImmediate(resolve));
      controller.signal.throwIfAborted();
    });
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    output.clear();
  }
  return { leans, stopped: controller.signal.aborted && leans.length < pairs.length };
}

/** @throws GraftError `predictions`, `predictions-empty`, `file-missing` */
async function fromPredictions(
  paths: readonly string[],
  judge: string,
  prompt: JudgingPrompt,
): Promise<Task> {
  const groups = (
    await Promise.all(
      paths.map(async (path) =>
        readPredictions(await readWhole(path), path).map((group) => ({ group, path })),
      ),
    )
  ).flat();
  if (groups.length !== 2)
    throw new GraftError(
      'predictions',
      `Two sets of answers are compared, and ${paths.join(' and ')} ${paths.length === 1 ? 'has' : 'have'} ${groups.length}.`,
      'Give two files with the answers of one method each, or one file with those of two.',
    );
  const [first, second] = groups;
  const nameOf = ({ group: { method, adapter }, path }: (typeof groups)[number]): string =>
    adapter ?? method ?? path;
  const names: [string, string] = [nameOf(first), nameOf(second)];
  checkSamePrompts(first, second);
  const rows = first.group.rows.map((row, at): JudgedPair => ({
    question: row.prompt ?? '',
    reference: row.references[0],
    first: row.output,
    second: second.group.rows[at].output,
  }));
  const differing = rows.flatMap((row, at) => (row.first.trim() === row.second.trim() ? [] : [at]));
  const same = rows.length - differing.length;
  return {
    pairs: differing.map((at) => rows[at]),
    finish(leans) {
      const turns = leans.flatMap((own, at): ModelTurn[] =>
        own ? [{ item: differing[at], leans: own }] : [],
      );
      const wins = winsOf(turns);
      const tooLong = leans.length - turns.length;
      const report = {
        ...{ subjects: names, judge, prompt: prompt.source, ...winNumbers(wins) },
        ...{ same, of: differing.length, too_long: tooLong },
      };
      const verdicts = turns.map((turn) => ({
        ...{ row: turn.item, question: rows[turn.item].question },
        ...{ verdict: verdictOf(turn), leans: turn.leans },
      }));
      return {
        words: judgedInWords({ ...wins, of: differing.length, same, tooLong }, judge, names),
        report,
        file: `${JSON.stringify({ ...report, pairs: verdicts }, null, 1)}\n`,
      };
    },
  };
}

interface Predicted {
  readonly group: PredictedGroup;
  readonly path: string;
}

/** @throws GraftError `predictions` */
function checkSamePrompts(one: Predicted, other: Predicted): void {
  const remedy = 'Give answers to the same questions, in the same order, each with its "prompt".';
  const [first, second] = [one.group.rows, other.group.rows];
  if (first.length !== second.length)
    throw new GraftError(
      'predictions',
      `One method has ${plural(first.length, 'answer')} and the other ${second.length}.`,
      remedy,
    );
  first.forEach((row, at) => {
    const { prompt, line } = second[at];
    if (row.prompt === undefined || prompt === undefined)
      throw new GraftError(
        'predictions',
        row.prompt === undefined
          ? `Line ${row.line} of ${one.path} has no "prompt".`
          : `Line ${line} of ${other.path} has no "prompt".`,
        remedy,
      );
    if (row.prompt !== prompt)
      throw new GraftError(
        'predictions',
        `Row ${at + 1} asks for different things: line ${row.line} of ${one.path} and line ${line} of ${other.path}.`,
        remedy,
      );
  });
}

/** @throws GraftError `arguments`, `evaluation-file`, `evaluation-newer`, `file-missing` */
async function fromEvaluation(
  path: string,
  flags: JudgeFlags,
  judge: string,
  { source: prompt }: JudgingPrompt,
): Promise<Task> {
  const record = readEvaluation(decodeUtf8(await readWhole(path), path), path);
  const subjects = subjectsOf(record, path, flags.texts('between'));
  const judging = judgingOf(record, { subjects, model: { name: judge }, prompt });
  const items = itemsLeft(record, judging);
  return {
    pairs: items.map((item) => judgedPair(record, judging, item)),
    finish(leans) {
      const judged: ModelJudging = withVerdicts(judging, items, leans);
      const whole = withJudging(record, judged);
      return {
        words: judgedInWords(judgedResult(whole, judged), judge, judgedNames(whole, judged)),
        report: judgedReport({ ...whole, judged: [judged] })[0],
        file: evaluationFile(whole),
      };
    },
  };
}

/** Places of the two methods. @throws GraftError `arguments` */
function subjectsOf(record: Evaluation, path: string, between: readonly string[]): ModelJudging['subjects'] {
  const { subjects, evidence } = record;
  const answered = subjects.flatMap(({ label, method }, at) =>
    evidence.some((row) => row[at] !== null) ? [{ label, method, at }] : [],
  );
  const remedy = `Write --between with two of: ${answered.map(({ label }) => JSON.stringify(label)).join(', ')}.`;
  const found =
    between.length === 0
      ? [BASE, ADAPTER_METHOD].flatMap((name) => answered.find(({ method }) => method === name) ?? [])
      : between.map((name) => {
          const one = answered.find(({ label }) => label === name);
          if (one) return one;
          throw new GraftError('arguments', `${path} has no answers of ${JSON.stringify(name)}.`, remedy);
        });
  const [first, second] = found;
  if (found.length !== 2 || first.at === second.at)
    throw new GraftError(
      'arguments',
      between.length === 0
        ? `${path} does not have the answers of a base model and an adapter.`
        : '--between names two different methods.',
      remedy,
    );
  return [first.at, second.at];
}
