/** docs/reference/settings.md: every setting with its default and limits, from the table that flags and form are made of. */
import type { FlagSpec, FlagSpecs } from '../../src/cli/flags.ts';
import { settingFlags } from '../../src/cli/setting-flags.ts';
import { REGISTRY } from '../../src/settings/registry.ts';
import type { Contribution, Setting } from '../../src/settings/setting.ts';
import { TABLE } from '../../src/settings/table.ts';
import { allowed } from '../../src/settings/values.ts';
import { code, heading, page, plain, sentence, table } from './markdown.ts';

const INTRODUCTION = `Flags, the form of the page and recipes have these settings. A recipe names them as in the first column. Defaults that depend on model and rows are explained in
[defaults](../defaults.md); \`graft recipe\` prints all of a run. Names lead to the guide of the studio, while \`npm start\` serves it.`;

/** Where `npm start` serves the page. */
const GUIDE = 'http://localhost:4173/#/guide';

/** Headings of settings that the help of the command does not group, by the part that reads them. */
const PARTS: Readonly<Record<Setting['part'], string>> = {
  rows: 'Rows',
  base: 'Base model and start',
  run: 'Run',
  watch: 'Validation and forgetting',
  page: 'Page only',
};

export function settingsPage(): string {
  const names = [...new Set(TABLE.settings.map(headingOf))];
  return page(
    heading('Settings'),
    INTRODUCTION,
    ...contributions('Methods', 'method', REGISTRY.methods),
    ...contributions('Objectives', 'objective', REGISTRY.objectives),
    ...contributions('Optimisers', 'optimiser', REGISTRY.optimisers),
    ...names.flatMap((name) => [
      `## ${name}`,
      table(
        ['setting', 'flag', 'name', 'default', 'allowed', 'for', ''],
        TABLE.settings.filter((setting) => headingOf(setting) === name).map(row),
      ),
    ]),
  );
}

/** What a run chooses among, with the factor that each has for the learning rate. */
function contributions(title: string, flag: string, all: readonly Contribution[]): string[] {
  return [
    `## ${title}`,
    table(
      [code(`--${flag}`), 'name', '', 'learning rate', 'not for'],
      all.map(({ name, label, help, rate = 1, choice }) => [
        code(name),
        plain(label),
        plain([help, choice?.changes ?? ''].join(' ').trim()),
        `× ${Number((typeof rate === 'number' ? rate : rate({})).toPrecision(3))}`,
        plain(choice?.wrong ?? ''),
      ]),
    ),
  ];
}

/** The section of a setting. */
export function headingOf(setting: Setting): string {
  return specOf(setting)?.heading ?? PARTS[setting.part];
}

/** The flag of a setting as the command declares it; undefined if it has none. */
export function specOf(setting: Setting): FlagSpec | undefined {
  const flags: FlagSpecs = settingFlags([setting]);
  return setting.flag === undefined ? undefined : flags[setting.flag];
}

/** The default at the end of a flag's help. */
const DEFAULT = / \(default: (.*)\)$/;

function row(setting: Setting): string[] {
  const spec = specOf(setting);
  const said = spec && DEFAULT.exec(spec.help)?.[1];
  const { name, flag, label, term, default: initial } = setting;
  return [
    code(name),
    flag === undefined ? '' : code(`--${flag}`),
    term ? `[${plain(label)}](${GUIDE}/${term.id})` : plain(label),
    plain(
      said ?? (typeof initial === 'object' || initial === '' || initial === undefined ? '' : shown(initial)),
    ),
    plain(allowed(setting)),
    plain(TABLE.ownerLabels(setting)),
    plain(
      [setting.help, setting.more ?? '']
        .map((text) => (text === '' ? '' : sentence(text)))
        .join(' ')
        .trim(),
    ),
  ];
}

const shown = (initial: NonNullable<Setting['default']>): string =>
  typeof initial === 'boolean'
    ? initial
      ? 'on'
      : 'off'
    : typeof initial === 'function'
      ? ''
      : String(initial);
