/** `graft sweep`: several runs of one model on the same rows, and which settings are best by validation. */
import { existsSync, readdirSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import { driveSweep, type Budget, type SweepPort } from '../runs/sweep/drive.ts';
import { timeLeft } from '../runs/sweep/forecast.ts';
import { sweepPage } from '../runs/sweep/page.ts';
import {
  bestOf,
  readSweep,
  SWEEP_FILE,
  writeSweep,
  type Sweep,
  type SweptRun,
} from '../runs/sweep/record.ts';
import { pointInWords } from '../runs/sweep/space.ts';
import { SWEEP_LIMITS, planInWords, resultInWords, sweepTable } from '../runs/sweep/words.ts';
import { shellLine } from '../text/shell.ts';
import { commandWords } from './command-words.ts';
import { textTable } from './evaluate-output.ts';
import { EXIT, SIGNALS } from './exit.ts';
import { removeFolder, replacedFolder, replaceFolder, writeFolder } from './files.ts';
import { Flags } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import { checkOutput } from './output-path.ts';
import { formatSeconds, type Output } from './output.ts';
import { claimFiles, ownFiles } from './own-files.ts';
import { readPaths } from './row-flags.ts';
import { forgetSaved } from './saved-run.ts';
import { sweepFlags, wordsOfSweep, type SweepFlags } from './sweep-flags.ts';
import { changedFiles, planSweep, wordsOfRun } from './sweep-plan.ts';
import { leftOf, trainRun } from './sweep-run.ts';

const PAGE = 'sweep.html';
/** The folder of the best run's result. */
const BEST = 'best';
const FILES = [SWEEP_FILE, PAGE];
const SECONDS_IN_A_MINUTE = 60;

export async function sweepCommand(args: readonly string[], output: Output): Promise<void> {
  const given = new Flags(sweepFlags, args);
  const out = given.required('out');
  const before = given.on('overwrite') ? undefined : await savedIn(out);
  if (given.on('resume') && !before)
    throw new GraftError(
      'sweep-missing',
      `${out} holds no sweep that could be continued.`,
      'Give the folder of one, or leave --resume out to start one.',
    );
  // A sweep knows its own flags.
  const flags =
    before && given.on('resume') && !given.isGiven('model')
      ? new Flags(sweepFlags, [...before.args, ...args])
      : given;
  checkOutput('--out', out, [
    { what: 'the base model', path: flags.required('model') },
    ...readPaths(flags),
    { what: 'the adapter', path: flags.text('init-adapter') },
  ]);
  const budget = budgetOf(flags);
  const release = await lockFolder(out, 'graft sweep');
  try {
    const sweep = before ? await checkSame(before, flags, out) : await begin(flags, out, output);
    await run(sweep, budget, flags, out, output);
  } finally {
    await release();
  }
}

async function savedIn(out: string): Promise<Sweep | undefined> {
  const path = join(out, SWEEP_FILE);
  if (!existsSync(path)) return undefined;
  if (!ownFiles(out).has(SWEEP_FILE))
    throw new GraftError(
      'folder-used',
      `${path} is there, and Graft did not write it.`,
      'Choose another folder.',
    );
  return readSweep(await readFile(path, 'utf8'), path);
}

/** @throws GraftError `folder-used` for another sweep, `sweep-data` for other rows */
async function checkSame(saved: Sweep, flags: SweepFlags, out: string): Promise<Sweep> {
  const words = wordsOfSweep(flags);
  const other = [
    ...words.filter((word) => !saved.args.includes(word)),
    ...saved.args.filter((word) => !words.includes(word)).map((word) => `not ${word}`),
  ];
  if (other.length > 0)
    throw new GraftError(
      'folder-used',
      `${out} holds a sweep of other flags; this call has ${shellLine(other)}.`,
      'Give the same flags, choose another folder, or discard that sweep with --overwrite.',
    );
  const [changed] = await changedFiles(saved, flags);
  if (changed !== undefined)
    throw new GraftError(
      'sweep-data',
      `${changed} has changed since the sweep in ${out} started, so that its runs could not be compared.`,
      'Bring the file back, or start again with --overwrite.',
    );
  return saved;
}

/** @throws GraftError `folder-used` for files that are no sweep of Graft's own */
async function begin(flags: SweepFlags, out: string, output: Output): Promise<Sweep> {
  const sweep = await planSweep(flags, output);
  const isOurs = ownFiles(out).has(SWEEP_FILE);
  const folders = readdirSync(out).filter((name) => name === BEST || /^run-\d{3,4}$/.test(name));
  if (folders.length > 0 && !isOurs)
    throw new GraftError(
      'folder-used',
      `${join(out, folders[0])} is there, and no sweep of Graft wrote it.`,
      'Choose another folder.',
    );
  for (const name of folders) await removeFolder(join(out, name));
  await claimFiles(out, FILES, { overwrite: flags.on('overwrite') });
  await writeFolder(out, filesOf(sweep, flags, out));
  return sweep;
}

function filesOf(sweep: Sweep, flags: SweepFlags, out: string): Record<string, Uint8Array> {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const place = existsSync(join(out, BEST)) ? BEST : undefined;
  const command = shellLine([...commandWords(), 'sweep', ...wordsOfSweep(flags), '--out', out]);
  return {
    [PAGE]: encode(sweepPage(sweep, { place, command })),
    [SWEEP_FILE]: encode(writeSweep(sweep, place)),
  };
}

/** @throws GraftError `arguments` */
function budgetOf(flags: SweepFlags): Budget {
  const minutes = flags.positive('budget-minutes');
  return {
    steps: flags.integer('budget-steps', 1),
    seconds: minutes === undefined ? undefined : minutes * SECONDS_IN_A_MINUTE,
  };
}

async function run(
  start: Sweep,
  budget: Budget,
  flags: SweepFlags,
  out: string,
  output: Output,
): Promise<void> {
  const controller = new AbortController();
  const stop = (): void => {
    // The second time, the person does not want to wait.
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  output.line(planInWords(start));
  let sweep: Sweep;
  try {
    const port = new FolderPort(flags, out, output, controller.signal);
    sweep = await driveSweep(start, budget, port);
    await keepBest(sweep, out);
    await port.keep(sweep);
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    output.clear();
  }
  report(sweep, flags, out, output);
}

/** Runs in folders next to the record. */
class FolderPort implements SweepPort {
  #sweep: Sweep | undefined;

  constructor(
    private readonly flags: SweepFlags,
    private readonly out: string,
    private readonly output: Output,
    private readonly signal: AbortSignal,
  ) {}

  get isStopped(): boolean {
    return this.signal.aborted;
  }

  left(run: SweptRun): ReturnType<SweepPort['left']> {
    return leftOf(this.#folder(run), (line) => this.output.progress(`${run.id}: ${line}`));
  }

  async train(run: SweptRun, until: number | undefined, seconds: number): ReturnType<SweepPort['train']> {
    const { output } = this;
    const name = nameOf(run, this.#sweep!);
    output.progress(`${name}${until === undefined ? '' : `, to step ${until}`}`, true);
    const outcome = await trainRun({
      ...{ folder: this.#folder(run), until, seconds, signal: this.signal },
      words: wordsOfRun(this.flags, this.#sweep!, run),
      report: (line) => output.progress(`${name}: ${line}`),
    });
    const { status, step, validation, why } = outcome;
    const loss = validation ? `validation ${validation.loss.toFixed(4)}` : 'no validation yet';
    output.line(
      status === 'failed'
        ? `${name} failed: ${why ?? ''}`
        : `${name}: ${loss} after step ${step} of ${run.steps}`,
    );
    return outcome;
  }

  drop(run: SweptRun): Promise<void> {
    return forgetSaved(this.#folder(run));
  }

  async keep(sweep: Sweep): Promise<void> {
    const isNew = this.#sweep && this.#sweep.runs.some(({ step }, at) => step !== sweep.runs[at].step);
    this.#sweep = sweep;
    await writeFolder(this.out, filesOf(sweep, this.flags, this.out));
    const left = isNew ? timeLeft(sweep) : undefined;
    if (left && left.most > 0) this.output.progress(leftInWords(left), true);
  }

  now(): number {
    return performance.now() / 1000;
  }

  #folder({ id }: SweptRun): string {
    return join(this.out, id);
  }
}

function nameOf({ id, settings, seed }: SweptRun, { runs, seeds }: Sweep): string {
  const at = runs.findIndex((run) => run.id === id) + 1;
  return `Run ${at} of ${runs.length} (${pointInWords(settings)}${seeds.length > 1 ? `, seed ${seed}` : ''})`;
}

/** The slowest and the fastest run so far give the two ends. */
function leftInWords({ least: min, most: max }: NonNullable<ReturnType<typeof timeLeft>>): string {
  const [from, to] = [formatSeconds(min), formatSeconds(max)];
  return `About ${from === to ? from : `${from} to ${to}`} left, at the pace of the runs so far`;
}

/** Copies the result of the best run. Its folder is as deep as that of the run, so that the paths in it stay right. */
async function keepBest(sweep: Sweep, out: string): Promise<void> {
  const best = bestOf(sweep);
  if (!best) return;
  const place = join(out, BEST);
  await replaceFolder(place, (next) => cp(join(out, best.id), next, { recursive: true }));
  await removeFolder(replacedFolder(place));
}

function report(sweep: Sweep, flags: SweepFlags, out: string, output: Output): void {
  const place = bestOf(sweep) ? resolve(out, BEST) : undefined;
  if (flags.on('json')) output.result(writeSweep(sweep, place && BEST));
  else {
    const { head, lines } = sweepTable(sweep);
    output.result(textTable(head, lines));
    for (const text of resultInWords(sweep, place)) output.result(`\n${text}\n`);
    output.result(`\n${SWEEP_LIMITS} with graft evaluate.\n`);
  }
  for (const { id, status, why } of sweep.runs)
    if (status === 'failed') output.line(`${id} failed: ${why ?? 'it left nothing'}`);
  output.line(`Wrote ${SWEEP_FILE} and ${PAGE} to ${resolve(out)}`);
  if (sweep.status === 'budget' || sweep.status === 'interrupted')
    output.line(
      `To continue: ${shellLine([...commandWords(), 'sweep', '--resume', '--out', out])}${sweep.status === 'budget' ? ', with a larger budget or none' : ''}`,
    );
  if (sweep.status === 'interrupted') process.exitCode = EXIT.interrupted;
  else if (sweep.status === 'done' && !bestOf(sweep)) process.exitCode = EXIT.couldNot;
}
