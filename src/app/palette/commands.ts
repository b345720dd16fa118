/** What the command palette offers: what can be pressed here, every place, every project, and how the page looks. */
import { capital } from '../../capital.ts';
import { addressOf, STAGES, type ScreenName } from '../state/route.svelte.ts';
import type { Shortcuts } from '../state/shortcuts.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';
import { isTheme, THEMES, type Theme } from '../state/theme.svelte.ts';
import { everythingOf } from '../storage/everything.svelte.ts';

export interface PaletteCommand {
  readonly group: 'Here' | 'Go to' | 'Projects' | 'Page';
  readonly words: string;
  readonly run: () => void;
}

/** Beside the stages. */
const PLACES: Readonly<Record<Exclude<ScreenName, (typeof STAGES)[number]>, string>> = {
  start: 'the first screen',
  circle: 'the circle of use',
  documents: 'the documents of the project',
  storage: 'Storage',
  guide: 'the guide',
  benchmark: 'the benchmark of this device',
};
/** What a stage offers to press: its buttons, and the labels of its file pickers. */
const PRESSED = '#stage :is(button.button, label.button, a.button, button.tune)';
/** These buttons answer something on the screen, and say little without it. */
const ANSWERS = /^(?:Put away|Keep|Stop)$/;

export interface PaletteParts {
  readonly studio: Studio;
  readonly shortcuts: Shortcuts;
  readonly theme: Theme;
}

export function commandsOf({ studio, shortcuts, theme }: PaletteParts): PaletteCommand[] {
  const here = pressable();
  return [...here, ...places(studio), ...projects(studio, here), ...page(shortcuts, theme)];
}

/** The stage's own buttons, so that the palette has exactly what can be done now, under the same names. */
function pressable(): PaletteCommand[] {
  const commands = new Map<string, PaletteCommand>();
  for (const element of document.querySelectorAll<HTMLElement>(PRESSED)) {
    const pressed = element.querySelector('input') ?? element;
    const words = (element.getAttribute('aria-label') ?? element.innerText).replace(/\s+/g, ' ').trim();
    if (pressed.matches(':disabled') || !element.checkVisibility() || ANSWERS.test(words)) continue;
    if (words !== '' && !commands.has(words))
      commands.set(words, { group: 'Here', words, run: () => pressed.click() });
  }
  return [...commands.values()];
}

function places({ route }: Studio): PaletteCommand[] {
  const names = Object.entries(PLACES) as [ScreenName, string][];
  const stages = STAGES.map((stage): [ScreenName, string] => [stage, capital(stage)]);
  return [...stages, ...names]
    .filter(([place]) => place !== route.place)
    .map(([place, name]) => ({
      group: 'Go to',
      words: `Go to ${name}`,
      run: () => void (location.hash = addressOf(place)),
    }));
}

function projects(studio: Studio, here: readonly PaletteCommand[]): PaletteCommand[] {
  const { run, projects: kept } = studio;
  const everything = everythingOf(studio);
  const group = 'Projects';
  if (run.active) {
    const pause: PaletteCommand = { group, words: 'Pause the run', run: () => void run.pause() };
    return run.last && !run.preparing && !run.asked ? [pause] : [];
  }
  const commands: PaletteCommand[] = kept.list
    .filter(({ id }) => id !== kept.id)
    .map(({ id, name }) => ({
      group,
      words: `Open the project ${name}`,
      run: () => void studio.project.open(id),
    }));
  const { current } = kept;
  if (current && !everything.busy)
    commands.push({
      group,
      words: `Share ${current.name}`,
      run: () => void everything.share(current.id),
    });
  commands.push({ group, words: 'New project', run: () => void studio.project.begin() });
  // On the first screen some of them are buttons, too.
  return commands.filter(({ words }) => here.every((other) => other.words !== words));
}

function page(shortcuts: Shortcuts, theme: Theme): PaletteCommand[] {
  const themes = Object.entries(THEMES).flatMap(([name, words]): PaletteCommand[] =>
    isTheme(name) && name !== theme.name
      ? [{ group: 'Page', words: `Theme: ${words.toLowerCase()}`, run: () => theme.choose(name) }]
      : [],
  );
  return [
    ...themes,
    {
      group: 'Page',
      words: shortcuts.projector ? 'Letters of usual size' : 'Larger letters, for a projector',
      run: () => void (shortcuts.projector = !shortcuts.projector),
    },
    { group: 'Page', words: 'Show the keys', run: () => void (shortcuts.shown = true) },
  ];
}
