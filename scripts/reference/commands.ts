/** docs/reference/commands.md: every command with its flags, from the tables that parse them. */
import { EXIT } from '../../src/cli/exit.ts';
import { commands, type CliCommand } from '../../src/cli/commands.ts';
import type { FlagSpec } from '../../src/cli/flags.ts';
import type { Setting } from '../../src/settings/setting.ts';
import { TABLE } from '../../src/settings/table.ts';
import { anchorOf, code, heading, page, plain, sentence, table } from './markdown.ts';
import { headingOf, specOf } from './settings.ts';

const INTRODUCTION = `In a checkout the command is \`npx graft\`. The package that \`npm pack\` makes is \`graft-studio\`, so after a local install it is \`npx graft-studio\` (the
name \`graft\` on npm belongs to another project). These pages write \`graft train\` for the command and \`npx graft train\` for a call of it.

Results go to standard output, everything else to standard error, so \`npx graft demo > FILE\` keeps answers and scores. \`--json\` prints the result as one JSON
object. A real GPU is used if Node finds one, otherwise the CPU with all its threads; \`--device\` chooses.`;

const STATUS: readonly (readonly [status: number, when: string])[] = [
  [EXIT.fine, 'it worked'],
  [EXIT.couldNot, 'it failed: a file, the disk, the GPU, a method of an evaluation'],
  [EXIT.wrongCall, 'the call is wrong'],
  [EXIT.doesNotFit, '`graft plan` finds that a run does not fit'],
  [EXIT.interrupted, 'Ctrl-C ended it; `graft train` has saved its state, and `--resume` continues'],
];

export function commandsPage(): string {
  return page(
    heading('Commands and flags'),
    INTRODUCTION,
    table(
      ['exit status', 'meaning'],
      STATUS.map(([status, when]) => [String(status), when]),
    ),
    ...Object.entries(commands).flatMap(([name, command]) => describe(name, command)),
  );
}

type Entry = readonly [flag: string, spec: FlagSpec];

function describe(name: string, { help, usage, flags }: CliCommand): string[] {
  const entries: readonly Entry[] = Object.entries(flags).filter(([flag]) => flag !== 'help');
  const own = entries.filter((entry) => settingOf(entry) === undefined);
  const headings = [...new Set(own.map(([, { heading: part = '' }]) => part))].sort();
  return [
    `## graft ${name}`,
    plain(sentence(help)),
    `\`\`\`\nnpx graft ${name} ${usage}\n\`\`\``,
    ...headings.flatMap((part) => [
      ...(part ? [`**${part}**`] : []),
      table(
        ['flag', ''],
        own
          .filter(([, spec]) => (spec.heading ?? '') === part)
          .map(([flag, spec]) => [code(written(flag, spec)), plain(spec.help)]),
      ),
    ]),
    ...settingsList(entries),
  ];
}

/** The setting that a flag gives, if the command declares it as the table does. */
const settingOf = ([flag, spec]: Entry): Setting | undefined =>
  TABLE.settings.find((setting) => setting.flag === flag && specOf(setting)?.help === spec.help);

/** The flags of settings by their sections: the page of settings explains them. */
function settingsList(entries: readonly Entry[]): string[] {
  const settings = entries.flatMap((entry) => settingOf(entry) ?? []);
  const sections = [...new Set(settings.map(headingOf))];
  if (sections.length === 0) return [];
  const lines = sections.map((section) => {
    const flags = settings
      .filter((setting) => headingOf(setting) === section)
      .map(({ flag }) => code(`--${flag}`));
    return `- [${section}](settings.md#${anchorOf(section)}): ${flags.join(', ')}`;
  });
  return [`And these settings:\n\n${lines.join('\n')}`];
}

function written(flag: string, { value, bare }: FlagSpec): string {
  if (value === undefined) return `--${flag}`;
  return bare === undefined ? `--${flag} ${value}` : `--${flag} [${value}]`;
}
