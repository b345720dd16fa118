/** Which settings a sweep may vary: its runs have to be comparable by the validation loss. */
import type { ChoiceSetting, NumberSetting, Setting, SwitchSetting } from './setting.ts';
import { TABLE } from './table.ts';

export type SweptSetting = NumberSetting | ChoiceSetting | SwitchSetting;

/** Why a setting cannot be swept, as the end of a sentence. */
export function unsweptReason({ name, part, type }: Setting): string | undefined {
  if (name === 'seed') return 'seeds are given by --seeds, since they are one recipe';
  if (part !== 'run') return 'it decides about rows, the base or measurements, and not about training';
  if (name === 'objective') return 'losses of two objectives cannot be compared';
  if (name === 'maxLength') return 'the validation rows would be cut differently';
  const setting = TABLE.find(name);
  if (setting && TABLE.owners(setting).objective)
    return 'it changes the loss itself, so that losses cannot be compared';
  return type === 'integer' || type === 'number' || type === 'choice' || type === 'switch'
    ? undefined
    : 'only numbers, choices and switches can be varied';
}

/** Whether a sweep may vary it. */
export const isSwept = (setting: Setting): setting is SweptSetting => unsweptReason(setting) === undefined;
