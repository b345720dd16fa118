/** `graft check`: what is wrong with rows, before a run on them. Needs no GPU, and a model only for what depends on its tokens. */
import { setImmediate } from 'node:timers/promises';
import { checking, checkRowsOf, checkRowsOfIndex, findingOf } from '../data/findings/check.ts';
import type { Checked, CheckRow, CheckTokens, Finding, RowTokens } from '../data/findings/finding.ts';
import { byGravity } from '../data/findings/gravity.ts';
import { specialsOf, tokensOfRow, tokensOnce } from '../data/findings/row-tokens.ts';
import type { ReadOptions } from '../data/formats.ts';
import { optionsBeside } from '../data/sheet.ts';
import { headOf } from '../data/sheet-types.ts';
import { USUAL_SPLIT } from '../data/split.ts';
import { unwritableWords } from '../data/unwritable.ts';
import { GraftError } from '../errors.ts';
import { isHeld, itemOf, spread, type List } from '../lists.ts';
import { checkLabels, foundDoubts, type LabelCheck } from '../evaluate/label-check.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { readModel } from '../model/family.ts';
import { count, plural } from '../numbers.ts';
import { checkAnswers } from '../runs/answers-check.ts';
import { defaultSpec } from '../settings/spec.ts';
import { LIMIT_SETTINGS, MORE_ROWS_SETTINGS, SPLIT_SETTINGS } from '../settings/rows.ts';
import { OVERLONG_POLICIES } from '../text/limit.ts';
import { sizesOf, type Repeated } from '../train/buckets.ts';
import { layoutWords } from '../train/layout-words.ts';
import { microBatches } from '../train/order.ts';
import { EXIT } from './exit.ts';
import { modelOf, openBytes } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { HELD, readNamed } from './open-rows.ts';
import type { Output } from './output.ts';
import { dataFlags, readReadOptions } from './row-flags.ts';
import { modelFlags, openAdapter, openSession, requiredTokenizer, tokenizerOfAdapter } from './session.ts';
import { settingFlags } from './setting-flags.ts';
import { readTasks } from './task-files.ts';
import { checkLength } from './train-flags.ts';
import { oneFile } from './zip-files.ts';

const limits = settingFlags(LIMIT_SETTINGS);
const { model: _, help: __, ...deviceFlags } = modelFlags;

export const checkFlags = {
  ...dataFlags,
  'test-data': settingFlags(MORE_ROWS_SETTINGS)['test-data'],
  'test-fraction': {
    value: settingFlags(SPLIT_SETTINGS)['test-fraction'].value,
    help: `share of the rows that will be held out, if there is no test file (default ${USUAL_SPLIT.test})`,
  },
  model: {
    value: 'PATH',
    help: 'the model of the run, for what its tokenizer and template make of the rows',
  },
  adapter: {
    value: 'DIR',
    help: 'an adapter that learned these rows: labels that it finds three times less likely than another one are listed (unlikely-label)',
  },
  ...deviceFlags,
  ...limits,
  json: {
    help: 'print {rows, findings: [{id, severity, count, rows, why, mend}], repeated: {tokens, computed}, unlikely: [{row, label, likelier, nats}]}, with rows counted from 0',
  },
  help: { help: 'show this text' },
} as const satisfies FlagSpecs;

type CheckFlags = Flags<typeof checkFlags>;

export async function checkCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(checkFlags, args);
  const data = flags.required('data');
  if (readTasks(data).length > 1)
    throw new GraftError('arguments', 'graft check reads one file.', 'Check each file of --data in a call.');
  // A limit is checked with the flags: without a model nothing else looks at it.
  const length = flags.integer('max-length', 2);
  if (!flags.isGiven('model'))
    for (const name of ['max-length', 'overlong'] as const)
      if (flags.isGiven(name))
        output.line(`Warning: --${name} does nothing without --model, which knows the tokens of the rows.`);
  const main = await readFile(readTasks(data)[0].path, readReadOptions(flags), output);
  const testPath = flags.text('test-data');
  const test = testPath === undefined ? undefined : await readTest(testPath, main.options, output);
  const looked =
    flags.text('model') === undefined ? undefined : await lookAtTokens(main.rows, length, flags, output);
  const labels = flags.isGiven('adapter') ? await doubtedLabels(main.rows, flags, output) : undefined;
  const found = await findIn(
    {
      rows: main.rows,
      ...(test && { test }),
      testFraction: flags.number('test-fraction') ?? USUAL_SPLIT.test,
      ...(looked && { tokens: looked.tokens }),
    },
    output,
  );
  const findings =
    labels && labels.doubted.length > 0
      ? [...found, findingOf('unlikely-label', [foundDoubts(labels)])].sort(byGravity)
      : found;
  output.clear();
  const rows = main.rows.length;
  const repeated = looked?.repeated;
  output.result(
    flags.on('json')
      ? `${JSON.stringify({ rows, findings: findings.map(listed), ...(repeated && { repeated }), ...(labels && { unlikely: labels.doubted }) })}\n`
      : `${inWords(rows, findings, repeated)}${labels ? doubtsText(labels) : ''}`,
  );
  if (findings.some(({ severity }) => severity === 'error')) process.exitCode = EXIT.couldNot;
}

/** Pauses of the check, in which a signal can end the command. */
const ROWS_BETWEEN = 256;

async function findIn(checked: Checked, output: Output): Promise<Finding[]> {
  const check = checking(checked);
  let steps = 0;
  for (;;) {
    const step = check.next();
    if (step.done) return step.value;
    if (++steps % ROWS_BETWEEN !== 0) continue;
    output.progress(`Checking ${plural(checked.rows.length, 'row')}: ${Math.floor(100 * step.value)} %`);
    await setImmediate();
  }
}

/** Rows of a finding that `--json` lists. */
const LISTED = 100_000;

/** A finding for a program, with the number of all its rows. */
const listed = ({ id, severity, rows, why, mend }: Finding): object => ({
  ...{ id, severity, count: rows.length, rows: rows.slice(0, LISTED), why, mend },
});

interface ReadFile {
  readonly rows: List<CheckRow>;
  readonly options: ReadOptions;
}

/** @throws GraftError as `readExamples`, and `data-rows` for a file without rows */
async function readFile(name: string, asked: ReadOptions, output: Output): Promise<ReadFile> {
  const path = await oneFile(name, output);
  const how = { ...asked, fileName: path, mostProblems: Infinity };
  const { read, options } = await readNamed(path, await openBytes(path), how, output, HELD);
  if (read.unmapped) throw read.unmapped;
  const rows = read.index ? checkRowsOfIndex(read.index, read.problems) : checkRowsOf(read);
  if (rows.length === 0)
    throw new GraftError('data-rows', `${path} has no rows.`, 'Choose a file with examples.');
  return { rows, options };
}

async function readTest(name: string, first: ReadOptions, output: Output): Promise<List<CheckRow>> {
  const path = await oneFile(name, output);
  const head = headOf(await openBytes(path));
  return (await readFile(path, { ...optionsBeside(head, path, first), fileName: path }, output)).rows;
}

/** Rows of a large file whose answers and repeated beginnings are looked at. */
const LOOKED_AT = 20_000;

interface Looked {
  readonly tokens: CheckTokens;
  /** What repeats in the micro-batches of a usual run on rows in the order of the file; undefined if little does. */
  readonly repeated: Repeated | undefined;
}

/** @throws GraftError as `readModel`, `tokenizer-missing`, `arguments` */
async function lookAtTokens(
  rows: List<CheckRow>,
  length: number | undefined,
  flags: CheckFlags,
  output: Output,
): Promise<Looked> {
  const files = await modelOf(flags.required('model'));
  const definition = await readModel(files);
  const tokenizer = await requiredTokenizer(files);
  const { maxPositions, vocabulary } = definition.shape;
  if (length !== undefined) checkLength(length, definition.shape);
  const maxLength = Math.min(length ?? LIMIT_SETTINGS[0].default, maxPositions);
  const overlong = flags.choice('overlong', OVERLONG_POLICIES) ?? 'truncate-end';
  const options = { maxLength, overlong, vocabSize: vocabulary, now: new Date() };
  const some = isHeld(rows) ? rows : spread(rows, LOOKED_AT);
  const made = new Map<number, RowTokens>();
  for (const [at, { row, example }] of some.entries()) {
    if (example) made.set(row, tokensOfRow(example, tokenizer, options));
    output.progress(`Tokenizing: ${at + 1} of ${some.length} rows`);
  }
  const answers = some.flatMap(({ row, example }) => {
    const rendered = made.get(row)?.rendered;
    return example && rendered ? [{ place: row, example, row: { ...rendered, line: example.line } }] : [];
  });
  const unwritable = await checkAnswers({ files, definition, tokenizer, rows: answers, trainsHead: false });
  const repeated = repeatedIn(answers.map(({ row }) => row));
  const only = some.length < rows.length ? ` ${count(some.length)} rows were looked at.` : '';
  return {
    repeated,
    tokens: {
      rows: isHeld(rows)
        ? made
        : {
            get: tokensOnce(
              (row) => itemOf(rows, row).example,
              (example) => tokensOfRow(example, tokenizer, options),
            ),
          },
      maxLength,
      ...specialsOf(tokenizer),
      ...(unwritable && {
        unwritable: {
          rows: answers.filter((_, at) => unwritable.touched[at]).map(({ place }) => place),
          words: `${unwritableWords(unwritable)}${only}`,
          ...(only !== '' && { of: answers.length }),
        },
      }),
    },
  };
}

/** Labels that an adapter doubts. @throws GraftError `arguments` without a model or labels, and those of opening both */
async function doubtedLabels(rows: List<CheckRow>, flags: CheckFlags, output: Output): Promise<LabelCheck> {
  const session = await openSession(flags, output);
  const base = await requiredTokenizer(session.files);
  const path = flags.required('adapter');
  const adapter = await openAdapter(path, session.model);
  const tokenizer = await tokenizerOfAdapter(path, adapter, session.files, base);
  const found = await checkLabels({ model: session.model, tokenizer, adapter }, rows, (done, total) =>
    output.progress(`Labels: ${done} of ${plural(total, 'row')}`),
  );
  if (!found)
    throw new GraftError(
      'arguments',
      'The answers of these rows are not labels, so that there is no list to choose from.',
      'Leave --adapter out, or give rows with few different short answers.',
    );
  return found;
}

/** The doubted rows, the least certain first. */
const doubtsText = ({ doubted }: LabelCheck): string =>
  doubted
    .slice(0, SHOWN)
    .map(
      ({ row, label, likelier, nats }) =>
        `  row ${row}: “${label}”, or “${likelier}”? ${nats.toFixed(1)} nats\n`,
    )
    .join('');

/** Rows of a finding that are listed for reading. */
const SHOWN = 10;

function repeatedIn(rows: readonly LabelledTokens[]): Repeated | undefined {
  const usual = defaultSpec();
  return sizesOf(microBatches(rows, usual), usual).repeated;
}

function inWords(rows: number, findings: readonly Finding[], repeated: Repeated | undefined): string {
  const lines = findings.flatMap((finding) => [
    `${finding.severity}: ${finding.id}${placesOf(finding)}`,
    `  ${finding.why}`,
    `  ${finding.mend}`,
  ]);
  const head = `${plural(rows, 'row')}, ${findings.length === 0 ? 'nothing found' : plural(findings.length, 'finding')}`;
  const last = repeated ? [layoutWords({ ...repeated, sharing: 'shared' })] : [];
  return `${[head, ...lines, ...last].join('\n')}\n`;
}

function placesOf({ rows }: Finding): string {
  if (rows.length === 0) return '';
  const more = rows.length > SHOWN ? ` and ${rows.length - SHOWN} more` : '';
  return `, ${plural(rows.length, 'row')} (from 0): ${rows.slice(0, SHOWN).join(', ')}${more}`;
}
