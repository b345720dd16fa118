/** The cost of `graft mix`: the loss of test rows with the base, with each adapter, and with the mixed one. */
import { resolve, sep } from 'node:path';
import { Adapter } from '../adapters/adapter.ts';
import type { Mixed, MixPart } from '../adapters/mix/mix.ts';
import { GraftError } from '../errors.ts';
import { evaluateLoss } from '../evaluate/loss.ts';
import type { LossReport } from '../evaluate/record.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { LanguageModel } from '../model/language-model.ts';
import type { FileSet } from '../weights/bytes.ts';
import { underFlag, type Flags, type FlagSpecs } from './flags.ts';
import { mergeLossFlags, openMergeRows } from './merge-loss.ts';
import { openDeviceByFlags } from './open-device.ts';
import type { Output } from './output.ts';

export const mixLossFlags = underFlag(
  'Its cost: the loss of test rows before and after',
  mergeLossFlags,
) satisfies FlagSpecs;

type LossFlags = Flags<typeof mixLossFlags>;

/** Losses are mean cross-entropy in nats per supervised token. */
export interface MixLoss {
  readonly rows: number;
  /** Supervised tokens. */
  readonly tokens: number;
  /** The loss of the model without an adapter. */
  readonly base: number;
  /** The losses of the adapters that were mixed, in their order. */
  readonly adapters: readonly { readonly name: string; readonly loss: number }[];
  readonly mixed: number;
}

interface MixRows {
  readonly base: FileSet;
  readonly rows: readonly LabelledTokens[];
}

/** @returns undefined without --data @throws GraftError `arguments`, those of `openMergeRows` */
export async function openMixRows(
  flags: LossFlags,
  { base, model }: { readonly base: FileSet; readonly model: ModelDefinition },
  output: Output,
): Promise<MixRows | undefined> {
  if (flags.isGiven('data')) return openMergeRows(flags, { base, model, adapter: undefined }, output);
  const idle = (Object.keys(mixLossFlags) as (keyof typeof mixLossFlags)[]).find((name) =>
    flags.isGiven(name),
  );
  if (idle !== undefined)
    throw new GraftError(
      'arguments',
      `--${idle} is for measuring the loss of rows, and there are none.`,
      'Give rows by --data, or leave it out.',
    );
  return undefined;
}

/** @throws GraftError `engine-…` */
export async function measureMix(
  flags: LossFlags,
  { base, rows }: MixRows,
  { parts, mixed }: { readonly parts: readonly MixPart[]; readonly mixed: Mixed },
  output: Output,
): Promise<MixLoss> {
  const model = await LanguageModel.load(await openDeviceByFlags(flags, output), base, { precision: 'f32' });
  const lossOf = async (what: string, one?: Pick<MixPart, 'modules' | 'tensors'>): Promise<LossReport> => {
    const adapter = one && (await Adapter.frozen(model, one.modules, one.tensors));
    const report = await evaluateLoss(model, rows, adapter, (done) =>
      output.progress(`Loss of ${what}: row ${done} of ${rows.length}`),
    );
    adapter?.destroy();
    return report;
  };
  try {
    const before = await lossOf('the base');
    const adapters: { name: string; loss: number }[] = [];
    for (const part of parts) adapters.push({ name: part.name, loss: (await lossOf(part.name, part)).loss });
    const { loss, supervisedTokens: tokens } = await lossOf('the mixed adapter', mixed);
    return { rows: rows.length, tokens, base: before.loss, adapters, mixed: loss };
  } finally {
    output.clear();
    await model.destroy();
  }
}

/** The losses in one line, with four digits. */
export function lossesInWords({ base, adapters, mixed }: MixLoss): string {
  const names = shortNames(adapters.map(({ name }) => name));
  const before = adapters.map(({ loss }, at) => `${names[at]} ${loss.toFixed(4)}`);
  return `base ${base.toFixed(4)}, ${before.join(', ')}, mixed ${mixed.toFixed(4)}`;
}

/** The names of folders, each with as many of the folders around it as tell it from all others; equal paths also get their numbers. */
export function shortNames(paths: readonly string[]): string[] {
  const parts = paths.map((path) => resolve(path).split(sep));
  const ending = (at: number, length: number): string => parts[at].slice(-length).join('/');
  return parts.map((own, at) => {
    let length = 1;
    const others = parts.flatMap((_, other) => (other === at ? [] : [other]));
    const isShared = (): boolean => others.some((other) => ending(other, length) === ending(at, length));
    while (length < own.length && isShared()) length++;
    if (!isShared()) return ending(at, length);
    return `${ending(at, 1)} (adapter ${at + 1})`;
  });
}
