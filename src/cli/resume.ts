/** What a resumed run must share with the saved one, and in which of it they differ. */
import { createHash } from 'node:crypto';
import { GraftError } from '../errors.ts';
import { isObject } from '../json.ts';
import { describeChoices, type WeightChoices } from '../model/weight-types.ts';

/** Each part as a name of its content; how the base is held in words, since that can be said. */
export interface RunParts {
  readonly data: string;
  readonly model: string;
  readonly base: string;
  readonly settings: string;
}

/**
 * @param data the bytes of the rows
 * @param model what tells models apart
 * @param settings everything else that the numbers depend on
 */
export function runParts(data: Uint8Array, model: object, base: WeightChoices, settings: object): RunParts {
  return {
    data: digest(data),
    model: digest(JSON.stringify(model)),
    base: describeChoices(base) ?? 'stored',
    settings: digest(JSON.stringify(settings)),
  };
}

/** As a saved run has them. */
export function fingerprintOf(parts: RunParts): string {
  return JSON.stringify(parts);
}

/** @throws GraftError `train-resume` saying what differs */
export function checkResumed(fingerprint: string, now: RunParts): void {
  if (fingerprint === fingerprintOf(now)) return;
  const saved = partsOf(fingerprint);
  const remedy = 'Resume with exactly the arguments of the interrupted run.';
  if (!saved) throw new GraftError('train-resume', 'The saved run is not one of this command.', remedy);
  const differences = [
    ...(saved.data === now.data ? [] : ['other data']),
    ...(saved.model === now.model ? [] : ['another model']),
    ...(saved.base === now.base ? [] : [`other base weights (${String(saved.base)}, and not ${now.base})`]),
    ...(saved.settings === now.settings ? [] : ['other settings']),
  ];
  throw new GraftError('train-resume', `The saved run had ${differences.join(' and ')}.`, remedy);
}

function partsOf(fingerprint: string): Partial<Record<keyof RunParts, unknown>> | undefined {
  try {
    const parts = JSON.parse(fingerprint) as unknown;
    return isObject(parts) ? parts : undefined;
  } catch {
    return undefined;
  }
}

function digest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
