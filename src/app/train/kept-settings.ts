/** Settings as a project keeps them: one for each set of rows and model, so that a sample leaves nothing in the settings of other rows. */
import type { Mapping } from '../../data/mapping.ts';
import { PAGE_TABLE, pageValues } from '../../settings/table.ts';
import { isOfType } from '../../settings/values.ts';
import type { FormSpec } from '../../worker/api.ts';

/** The initial settings, before rows and a model suggest others. */
export const START: FormSpec = { ...pageValues({ steps: 60 }), targets: [] };

/** The key of settings: the rows (their version, and how their columns are read) and the model, since rates and layers suit one model only. */
export interface SettingsKey {
  readonly rows: string;
  readonly model: string;
}
export interface KeyedSettings extends SettingsKey {
  readonly options: FormSpec;
}

/** Names rows as they are read, and a model, by what they hold. @param content of the tokenizer and weights of the model */
export function settingsKey(version = '', mapping?: Mapping, content = ''): SettingsKey {
  return { rows: JSON.stringify(mapping ? [version, mapping] : [version]), model: content };
}

const sameKey = (a: SettingsKey, b: SettingsKey): boolean => a.rows === b.rows && a.model === b.model;

/** The number of sets of rows whose settings a project remembers, the latest ones. */
const MAX = 20;

/** The last settings of these rows and this model. */
export function settingsAt(kept: readonly KeyedSettings[], place: SettingsKey): FormSpec | undefined {
  return kept.find((entry) => sameKey(entry, place))?.options;
}

/** @returns the list with these settings as its latest entry */
export function addKeptSettings(
  kept: readonly KeyedSettings[],
  { rows, model }: SettingsKey,
  options: FormSpec,
): readonly KeyedSettings[] {
  const others = kept.filter((entry) => !sameKey(entry, { rows, model }));
  return [...others, { rows, model, options }].slice(-MAX);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Settings from storage. A value of the wrong kind is replaced by the one that a run starts with. */
export function readOptions(kept: unknown): FormSpec {
  const values = isObject(kept) ? kept : {};
  const fits = PAGE_TABLE.filter((setting) => isOfType(setting, values[setting.name]));
  const start = readStart(values['start']);
  return {
    ...START,
    ...Object.fromEntries(fits.map(({ name }) => [name, values[name]])),
    ...(start && { start }),
  };
}

/** The adapter that a run starts from. Whether it is still there is seen when the form is drawn. */
function readStart(kept: unknown): FormSpec['start'] {
  if (!isObject(kept)) return undefined;
  const { id, name } = kept;
  return typeof id === 'string' && typeof name === 'string' ? { id, name } : undefined;
}

/** @returns undefined if it is not a key, as in projects of earlier versions */
export function readSettingsKey(kept: unknown): SettingsKey | undefined {
  if (!isObject(kept)) return undefined;
  const { rows, model } = kept;
  return typeof rows === 'string' && typeof model === 'string' ? { rows, model } : undefined;
}

/** Entries that cannot be read are left out. */
export function readKeyedSettings(kept: unknown): readonly KeyedSettings[] {
  if (!Array.isArray(kept)) return [];
  return kept
    .flatMap((entry: unknown) => {
      const place = readSettingsKey(entry);
      return place && isObject(entry) ? [{ ...place, options: readOptions(entry['options']) }] : [];
    })
    .slice(-MAX);
}
