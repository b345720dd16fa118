/** The form of a run, from the table of settings. */
import { FORM_GROUPS, type Setting } from '../../settings/setting.ts';
import { PAGE_TABLE, TABLE } from '../../settings/table.ts';
import type { SettingKey } from './settings.ts';

export type Field = Setting & { readonly name: SettingKey };

interface Group {
  readonly name: string;
  readonly fields: readonly Field[];
  /** Settings that few people need. */
  readonly advanced: readonly Field[];
}

/** What the form calls a setting. */
export function fieldLabel(name: string): string {
  const setting = TABLE.find(name);
  if (!setting) return name;
  return setting.unit === undefined ? setting.label : `${setting.label}, ${setting.unit}`;
}

const fieldsOf = (group: string): Field[] =>
  PAGE_TABLE.filter((setting): setting is Field => setting.group === group);

export const GROUPS: readonly Group[] = FORM_GROUPS.map((name) => ({
  name,
  fields: fieldsOf(name).filter(({ advanced }) => !advanced),
  advanced: fieldsOf(name).filter(({ advanced }) => advanced),
}));
