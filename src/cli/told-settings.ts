/** The settings of a run as flags: kept with a saved run, so that one resumed with others can be told which they are. */
import { writeSkipped } from '../data/skip-list.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { flagText } from '../settings/flag-text.ts';
import type { Given } from '../settings/setting.ts';
import { TABLE } from '../settings/table.ts';
import type { TrainOptions } from '../train/options.ts';
import type { DataOptions } from './train-flags.ts';

/**
 * @returns what stands after each flag; `true` for the flag of a switch. What is not chosen, and follows from nothing, is missing
 */
export function toldSettings(
  { lora, ...options }: TrainOptions,
  { read, more, test, skip, dropDuplicates, ...split }: DataOptions,
  precision: LanguageModel['dtype'],
): Record<string, string | true> {
  const { prompt, input, answer, system, text }: Readonly<Record<string, string>> = read.mapping ?? {};
  const values: Given = {
    ...options,
    ...lora,
    ...split,
    precision,
    data: read.fileName,
    delimiter: read.delimiter,
    header: read.header === undefined ? undefined : read.header ? 'yes' : 'no',
    promptTemplate: prompt,
    inputTemplate: input,
    answerTemplate: answer,
    systemTemplate: system,
    textTemplate: text,
    moreData: more,
    testData: test,
    skipRows: skip && writeSkipped(skip),
    dropDuplicates,
  };
  const told = TABLE.settings.flatMap((setting): [string, string | true][] => {
    const value = values[setting.name];
    if (setting.flag === undefined || value === undefined) return [];
    const after = flagText(setting, value);
    return after === false || after === '' ? [] : [[setting.flag, after]];
  });
  return Object.fromEntries(told);
}
