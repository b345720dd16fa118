/** The settings of a run as flags: kept with a saved run, so that an error at resuming can name those that differ. */
import type { LanguageModel } from '../model/language-model.ts';
import { flagText } from '../settings/flag-text.ts';
import type { Given } from '../settings/setting.ts';
import { TABLE } from '../settings/table.ts';
import type { TrainOptions } from '../train/options.ts';
import { readSettings } from './setting-flags.ts';
import { trainFlags, type TrainFlags } from './train-flags.ts';

const OF_ROWS = TABLE.settings.filter(
  ({ part, flag }) => part === 'rows' && flag !== undefined && Object.hasOwn(trainFlags, flag),
);

/**
 * @param flags those about reading rows @param options of the trainer, with all defaults @returns the text after each flag; `true` for a switch.
 * Settings without a value are missing
 */
export function toldSettings(
  flags: TrainFlags,
  { lora, ...options }: TrainOptions,
  precision: LanguageModel['dtype'],
): Record<string, string | true> {
  const ofRows = TABLE.resolve(readSettings(flags, OF_ROWS));
  const values: Given = {
    ...Object.fromEntries(OF_ROWS.map(({ name }) => [name, ofRows[name]])),
    splitSeed: flags.whole('split-seed') ?? options.seed,
    ...options,
    ...lora,
    precision,
  };
  const told = TABLE.settings.flatMap((setting): [string, string | true][] => {
    const value = values[setting.name];
    if (setting.flag === undefined || value === undefined) return [];
    const after = flagText(setting, value);
    return after === false || after === '' ? [] : [[setting.flag, after]];
  });
  return Object.fromEntries(told);
}
