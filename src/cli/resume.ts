/** What a resumed run must share with the saved one, and in which of it they differ. */
import { createHash } from 'node:crypto';
import { GraftError } from '../errors.ts';
import { isObject } from '../json.ts';
import type { TokenRow } from '../text/trainable.ts';
import { describeChoices, type WeightChoices } from '../model/weight-types.ts';

/** Each part as a name of its content; how the base is held in words, since that can be said. */
export interface RunParts {
  readonly data: string;
  readonly rows: string;
  readonly model: string;
  readonly weights: string;
  readonly base: string;
  readonly settings: string;
}

/** Parts that earlier versions did not save, and what is not known without them. */
const ADDED = {
  weights: "the base model's weights",
  rows: 'the rows',
} as const satisfies Partial<Record<keyof RunParts, string>>;

export interface RunContent {
  /** The bytes of the data file. */
  readonly data: Uint8Array;
  /** What was made of it, by this tokenizer and chat template and at this time. */
  readonly rows: readonly (readonly TokenRow[])[];
  /** Type and shape of the base model. */
  readonly model: object;
  /** What its folder holds (`contentOf`). */
  readonly weights: string;
  readonly base: WeightChoices;
  /** Everything else that the numbers depend on. */
  readonly settings: object;
}

export function runParts({ data, rows, model, weights, base, settings }: RunContent): RunParts {
  return {
    data: digest(data),
    rows: digestRows(rows),
    model: digest(JSON.stringify(model)),
    weights,
    base: describeChoices(base) ?? 'stored',
    settings: digest(JSON.stringify(settings)),
  };
}

/** As a saved run has them. */
export function fingerprintOf(parts: RunParts): string {
  return JSON.stringify(parts);
}

/**
 * @returns what could not be compared, in words: a run that an earlier version saved does not tell it
 * @throws GraftError `train-resume` saying what differs
 */
export function checkResumed(fingerprint: string, now: RunParts): string[] {
  const saved = partsOf(fingerprint);
  const remedy = 'Resume with exactly the arguments of the interrupted run.';
  if (!saved) throw new GraftError('train-resume', 'The saved run is not one of this command.', remedy);
  const unknown = (Object.keys(ADDED) as (keyof typeof ADDED)[]).filter(
    (part) => !Object.hasOwn(saved, part),
  );
  const differs = (part: keyof RunParts): boolean =>
    saved[part] !== now[part] && !unknown.some((name) => name === part);
  const differences = [
    ...(differs('data') ? ['other data'] : []),
    ...(differs('model') || differs('weights') ? ['another model'] : []),
    ...(differs('base') ? [`other base weights (${String(saved.base)}, and not ${now.base})`] : []),
    ...(differs('settings') ? ['other settings'] : []),
  ];
  if (differences.length > 0)
    throw new GraftError('train-resume', `The saved run had ${differences.join(' and ')}.`, remedy);
  if (differs('rows'))
    throw new GraftError(
      'train-resume',
      'The saved run made other rows of the same data.',
      'The chat template or the tokenizer changed since: put back what they were, or start the run again.',
    );
  return unknown.map((part) => ADDED[part]);
}

/** A moment as the clock of this machine shows it, without its zone: read back in any zone, the clock shows the same. */
export function clockTime(moment: Date): string {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
}

function partsOf(fingerprint: string): Partial<Record<keyof RunParts, unknown>> | undefined {
  try {
    const parts = JSON.parse(fingerprint) as unknown;
    return isObject(parts) ? parts : undefined;
  } catch {
    return undefined;
  }
}

function digestRows(parts: readonly (readonly TokenRow[])[]): string {
  const hash = createHash('sha256');
  for (const rows of parts) {
    hash.update(Int32Array.of(rows.length));
    for (const { ids, labels } of rows)
      hash.update(Int32Array.of(ids.length)).update(Int32Array.from(ids)).update(Int32Array.from(labels));
  }
  return hash.digest('hex');
}

function digest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
