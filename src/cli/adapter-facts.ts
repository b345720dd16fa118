/** Facts in the folder of an adapter next to its values: what was trained, and what that took. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterConfig } from '../adapters/kind.ts';
import { Adapter } from '../adapters/adapter.ts';
import { kindOf } from '../adapters/registry.ts';
import { medianSeconds, type RunTook } from '../evaluate/run-took.ts';
import { readCheckedPeft } from '../export/checked-peft.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { folder } from './files.ts';
import { readLineage } from './lineage.ts';
import { METRICS, readLine } from './metrics-log.ts';

export interface OpenedAdapter {
  /** The path of its folder, as it was given. */
  readonly name: string;
  readonly adapter: Adapter;
  /** “LoRA rank 8”. */
  readonly kind: string;
  /** The objective of its run, if that is known. */
  readonly objective?: string;
  readonly took: RunTook;
}

/** Loads a PEFT folder, with what `graft train` wrote next to it. @throws GraftError `adapter-…` */
export async function openAdapterWithFacts(path: string, model: LanguageModel): Promise<OpenedAdapter> {
  const { config, modules, tensors } = await readCheckedPeft(folder(path), model.definition);
  const parameters = [...tensors.values()].reduce((sum, { length }) => sum + length, 0);
  const objective = await objectiveOfFolder(path);
  return {
    name: path,
    ...(objective !== undefined && { objective }),
    adapter: await Adapter.frozen(model, modules, tensors),
    kind: kindInWords(config),
    took: { parameters, ...(await tookOf(path)) },
  };
}

function kindInWords(config: AdapterConfig): string {
  const kind = kindOf(config);
  const { rank, virtualTokens } = kind.settings(config);
  if (typeof rank === 'number') return `${kind.label} rank ${rank}`;
  return typeof virtualTokens === 'number' ? `${kind.label}, ${virtualTokens} tokens` : kind.label;
}

/** The objective of the run that wrote a folder; undefined if that is not known. */
export async function objectiveOfFolder(path: string): Promise<string | undefined> {
  return (await readLineage(path).catch(() => undefined))?.objective;
}

/** A folder of another program has neither file, and may have one of the same name with other content. */
export async function tookOf(path: string): Promise<Pick<RunTook, 'peakBytes' | 'secondsPerStep'>> {
  const peakBytes = (await readLineage(path).catch(() => undefined))?.peakBytes;
  const log = join(path, METRICS);
  const lines = existsSync(log) ? (await readFile(log, 'utf8')).split('\n') : [];
  const secondsPerStep = medianSeconds(lines.flatMap((line) => readLine(line) ?? []));
  return {
    ...(peakBytes !== undefined && { peakBytes }),
    ...(secondsPerStep !== undefined && { secondsPerStep }),
  };
}
