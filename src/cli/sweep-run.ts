/** A run of a sweep: `graft train` in a process of its own, so that what ends one run ends no other, and memory is free after each. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { TrialOutcome } from '../runs/sweep/drive.ts';
import { ownScript } from './command-words.ts';
import { EXIT } from './exit.ts';
import { inUse, workingIn } from './folder-lock.ts';
import { METRICS, readLine, type LoggedStep } from './metrics-log.ts';
import { hasResult } from './run-folder.ts';
import { findSaved } from './saved-run.ts';
import { IN_SWEEP } from './train-run.ts';

/** A run whose sweep was killed saves its state and ends: this often it is looked whether it has. */
const POLL_MS = 200;
/** The longest time that a timer of Node takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const MS = 1000;

interface Trained {
  /** The words after `graft train`, without folder and step to pause after. */
  readonly words: readonly string[];
  readonly folder: string;
  readonly until: number | undefined;
  /** Seconds after which it is interrupted. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** What the run says of itself. */
  readonly report: (line: string) => void;
}

/** Trains a run from where it is. */
export async function trainRun(asked: Trained): Promise<TrialOutcome> {
  await untilFree(asked.folder, asked.report);
  const outcome = await trainNow(asked);
  if (outcome.why?.startsWith(inUse(asked.folder)) !== true) return outcome;
  // A run whose sweep was killed as the run began has taken the folder meanwhile, and saves its state.
  await untilFree(asked.folder, asked.report);
  return trainNow(asked);
}

/** Waits for a process that works in the folder. */
async function untilFree(folder: string, report: (line: string) => void): Promise<void> {
  for (let who = workingIn(folder); who !== undefined; who = workingIn(folder)) {
    report(`waiting for ${who}, which saves its state`);
    await wait(POLL_MS);
  }
}

async function trainNow({ words, folder, until, seconds, signal, report }: Trained): Promise<TrialOutcome> {
  const saved = await findSaved(folder);
  const args = [
    ...[ownScript(), 'train', ...words, `--out=${folder}`],
    ...(until === undefined ? [] : [`--pause-after=${until}`]),
    ...(saved ? [`--resume=${folder}`] : []),
  ];
  // Apart from this process's group: Ctrl-C in a terminal comes to it once, from here. The channel says when this process has died.
  const child = spawn(process.execPath, args, {
    ...{ detached: true, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
    env: { ...process.env, [IN_SWEEP]: '1' },
  });
  const interrupt = (): void => void child.kill('SIGINT');
  const timer =
    seconds * MS <= LONGEST_TIMER_MS ? setTimeout(interrupt, Math.max(0, seconds * MS)) : undefined;
  signal.addEventListener('abort', interrupt);
  if (signal.aborted) interrupt();
  let rest = '';
  let error = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, said] = /^graft: (.*)$/.exec(line) ?? [];
      if (said !== undefined) error = said;
      report(line);
    }
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    const found = await whatIsLeft(folder);
    if (found && code === EXIT.fine) return found;
    if (code === EXIT.interrupted) return { ...(found ?? NOTHING), status: 'interrupted' };
    return {
      ...(found ?? NOTHING),
      status: 'failed',
      why: error || `graft train ended with the status ${code}.`,
    };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', interrupt);
  }
}

const NOTHING = { step: 0, seconds: 0 } as const;

/** What a run has left in its folder: a result, or a state to continue from. A run that outlives its sweep is waited for. */
export async function leftOf(
  folder: string,
  report: (line: string) => void,
): Promise<TrialOutcome | undefined> {
  await untilFree(folder, report);
  return whatIsLeft(folder);
}

async function whatIsLeft(folder: string): Promise<TrialOutcome | undefined> {
  const saved = await findSaved(folder);
  if (saved) {
    const { step } = saved.saved.state.counters;
    return {
      status: 'paused',
      step,
      ...numbersOf((saved.metrics ?? []).flatMap((line) => readLine(line) ?? [])),
    };
  }
  const path = join(folder, METRICS);
  if (!hasResult(folder) || !existsSync(path)) return undefined;
  const steps = (await readFile(path, 'utf8')).split('\n').flatMap((line) => readLine(line) ?? []);
  return { status: 'done', step: steps.at(-1)?.step ?? 0, ...numbersOf(steps) };
}

/** The best validation, as the run keeps it, and the time. */
function numbersOf(steps: readonly LoggedStep[]): Pick<TrialOutcome, 'validation' | 'seconds'> {
  const validations = steps.flatMap(({ step, evalLoss: loss }) =>
    loss === undefined ? [] : [{ step, loss }],
  );
  const best = validations.reduce<(typeof validations)[number] | undefined>(
    (min, one) => (min === undefined || one.loss < min.loss ? one : min),
    undefined,
  );
  return {
    ...(best && { validation: best }),
    seconds: steps.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}
