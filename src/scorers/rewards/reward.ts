/**
 * Rewards: scorers with weights. The score of a completion is their weighted sum. A reward that throws, does not end or gives no number
 * scores FALLBACK_SCORE for that attempt, which is counted; a reward that has failed on every attempt stops the run.
 */
import { GraftError, messageOf } from '../../errors.ts';
import { plural } from '../../numbers.ts';
import { openScorer, scoreIn } from '../open.ts';
import { Sandbox, SandboxStopped, type StartSandbox } from '../sandbox/sandbox.ts';
import type { RewardSpec } from '../scorer-spec.ts';
import { valuesOf, type Attempt, type OpenScorer } from '../scorer.ts';
import { specScorer } from '../spec.ts';
import { answerProblem, readRewards, rewardNames } from './specs.ts';

export type { Attempt } from '../scorer.ts';
export type { RewardSpec } from '../scorer-spec.ts';

/** The score of an attempt from a reward that failed on it. */
export const FALLBACK_SCORE = 0;
/** A reward that failed on all of this many attempts stops the run. */
const ATTEMPTS_BEFORE_STOP = 16;
/** Characters of a completion that a message quotes. */
const LONGEST_QUOTE = 80;

export interface Scored {
  /** The sum of the parts, each times its weight. */
  readonly total: number;
  /** The scores of the rewards before their weights, in the order of `names`. */
  readonly parts: readonly number[];
  /** The numbers that are shown next to them, in the order of `shown`. Where a reward failed, 0. */
  readonly shown: readonly number[];
  /** Why a reward failed on this attempt, in the order of `names`; missing if none did. */
  readonly problems?: readonly (string | undefined)[];
}

/** The failures of a reward since it was opened. */
export interface RewardFailures {
  readonly reward: string;
  readonly count: number;
  /** The message of the first. */
  readonly first: string;
}

export interface Rewards {
  /** The rewards, each with a name of its own. */
  readonly names: readonly string[];
  readonly weights: readonly number[];
  /** Numbers that rewards show without counting them, such as `number-match strict`. */
  readonly shown: readonly string[];
  /** The most that an attempt can get; undefined if a person's own code decides. */
  readonly most: number | undefined;
  /** Why they cannot score rows without a reference answer, as a sentence; missing if they can. */
  readonly needsAnswer?: string;
  /** Rewards that failed on an attempt, so far. */
  readonly failures: readonly RewardFailures[];
  /**
   * Scores attempts, one after the other.
   * @throws GraftError `reward-fails` if a reward has failed on every attempt so far, and these were at least 16
   * @throws GraftError `reward-stopped` if one took too long
   */
  score(attempts: readonly Attempt[]): Promise<readonly Scored[]>;
  close(): void;
}

interface Opened {
  readonly name: string;
  readonly weight: number;
  readonly shown: readonly string[];
  readonly scorer: OpenScorer;
  attempts: number;
  failed: number;
  first: string;
}

export interface OpenOptions {
  /** The file or setting of the rewards, for messages. */
  readonly where?: string;
  /** Whether a reward that always fails stops the run; a trial of rewards shows the failure instead. */
  readonly stops?: boolean;
  /** Runs code that may not end. Without it the code runs on this thread, where a built-in function cannot be interrupted. */
  readonly startSandbox?: StartSandbox;
}

/**
 * @param specs checked again, wherever they come from
 * @throws GraftError `reward`, `reward-code`
 */
export async function openRewards(
  specs: readonly RewardSpec[],
  { where = 'rewards', stops = true, startSandbox }: OpenOptions = {},
): Promise<Rewards> {
  const read = readRewards(specs, where);
  const names = rewardNames(read);
  const sandbox = new Sandbox(startSandbox);
  const opened: Opened[] = [];
  try {
    for (const [at, spec] of read.entries()) {
      const kind = specScorer(spec.name)!;
      const open = await openScorer(kind, valuesOf(kind, spec), `${where}, ${names[at]}`, sandbox);
      const scorer = kind.better === 'lower' ? asPenalty(open) : open;
      const shown = (kind.shown ?? []).map((name) => `${names[at]} ${name}`);
      const { weight = 1 } = spec;
      opened.push({
        ...{ name: names[at], weight, shown, scorer },
        ...{ attempts: 0, failed: 0, first: '' },
      });
    }
  } catch (error) {
    sandbox.close();
    throw error;
  }
  return {
    names,
    weights: opened.map(({ weight }) => weight),
    shown: opened.flatMap(({ shown }) => shown),
    most: mostOf(read),
    needsAnswer: answerProblem(read),
    get failures() {
      return opened
        .filter(({ failed }) => failed > 0)
        .map(({ name, failed, first }) => ({ reward: name, count: failed, first }));
    },
    async score(attempts) {
      const scored: Scored[] = [];
      for (const attempt of attempts) scored.push(await scoreOne(opened, attempt, stops));
      const dead = opened.find(({ attempts: n, failed }) => n >= ATTEMPTS_BEFORE_STOP && failed === n);
      if (stops && dead)
        throw new GraftError(
          'reward-fails',
          `The reward ${dead.name} has failed on all ${plural(dead.attempts, 'completion')}: ${dead.first}.`,
          'Try it on a few texts first (graft reward, or “Try them on your rows” on the page), and correct it.',
        );
      return scored;
    },
    close: () => sandbox.close(),
  };
}

/** What is better if it is lower is a penalty as a reward: the score below 0. */
const asPenalty = (open: OpenScorer): OpenScorer => ({
  score: async (attempt) => 0 - scoreIn(await open.score(attempt)),
});

/** The least and the most that an answer can get from a reward; undefined if a person's own code decides. */
function rangeOf(name: string): readonly [number, number] | undefined {
  const { range, better } = specScorer(name) ?? {};
  return range && better === 'lower' ? [0 - range[1], 0 - range[0]] : range;
}

/** The most that weighted rewards can add up to; undefined if one has no limits. */
export function mostOf(specs: readonly RewardSpec[]): number | undefined {
  let max = 0;
  for (const { name, weight = 1 } of specs) {
    const range = rangeOf(name);
    if (weight === 0) continue;
    if (!range) return undefined;
    max += Math.max(weight * range[0], weight * range[1]);
  }
  return max;
}

/** What a person's own code counts as giving at most, if it gives right answers 1 as it should. */
const OWN_MAX = 1;

/** The score from which an answer passes: the most that the rewards can add up to. @see OWN_MAX */
export function passMarkOf(specs: readonly RewardSpec[]): number {
  return specs.reduce((sum, { name, weight = 1 }) => {
    const [min, max] = rangeOf(name) ?? [0, OWN_MAX];
    return sum + Math.max(weight * min, weight * max);
  }, 0);
}

async function scoreOne(opened: readonly Opened[], attempt: Attempt, stops: boolean): Promise<Scored> {
  const [parts, shown, problems]: [number[], number[], (string | undefined)[]] = [[], [], []];
  let total = 0;
  for (const one of opened) {
    one.attempts++;
    try {
      const outcome = await one.scorer.score(attempt);
      parts.push(scoreIn(outcome));
      shown.push(...(typeof outcome === 'number' ? [] : outcome.shown));
      problems.push(undefined);
    } catch (error) {
      const message = messageOf(error);
      // A score that depends on the load of the machine would make the run unrepeatable.
      if (stops && error instanceof SandboxStopped) throw stopped(one, attempt, message);
      if (one.failed++ === 0) one.first = message;
      parts.push(FALLBACK_SCORE);
      shown.push(...one.shown.map(() => FALLBACK_SCORE));
      problems.push(message);
    }
    total += one.weight * parts[parts.length - 1];
  }
  const hasFailed = problems.some((problem) => problem !== undefined);
  return { total, parts, shown, ...(hasFailed && { problems }) };
}

function stopped({ name }: Opened, { completion }: Attempt, message: string): GraftError {
  const text = completion.length > LONGEST_QUOTE ? `${completion.slice(0, LONGEST_QUOTE)}…` : completion;
  return new GraftError(
    'reward-stopped',
    `The reward ${name} gave no score for “${text}”: ${message}.`,
    'Built-in functions that work through long texts or large arrays can take that long; let it do less. Its score would depend on the machine, so none is taken, and the run stays at its last step.',
  );
}
