/** The prose of the repository, and where it breaks the rules. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownPassages } from './markdown.ts';
import { AREAS, type Area, type Passage } from './passage.ts';
import { breaks, RULES, sentencesOf } from './rules.ts';
import { sveltePassages } from './svelte.ts';
import { typescriptPassages } from './typescript.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Pages that describe the sources at length, or log what was measured: they are held to their counts until somebody rewrites them. */
const LONG = [
  ...['benchmarks', 'defaults', 'dependencies', 'reliability'],
  ...['engine', 'extending', 'models', 'page', 'runs'].map((name) => `explanation/${name}`),
].map((name) => `docs/${name}.md`);
/** Pages made of strings of the sources, which are looked at there. */
const GENERATED = ['commands', 'errors', 'models', 'settings'].map((name) => `docs/reference/${name}.md`);

export interface Finding {
  readonly area: Area;
  readonly place: string;
  readonly rule: string;
  readonly instead: string;
  readonly sentence: string;
  readonly times: number;
}

/** How often each area breaks each rule; rules that an area keeps are left out. */
export type Counts = Readonly<Partial<Record<Area, Readonly<Record<string, number>>>>>;

export function prose(): Passage[] {
  const docs = filesBelow('docs', '.md').filter((file) => !GENERATED.includes(file));
  const markdown = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'tests/reference/README.md', ...docs];
  return [
    ...markdown.flatMap((file) =>
      markdownPassages(LONG.includes(file) ? 'long docs' : 'docs', file, read(file)),
    ),
    ...filesBelow('src', '.svelte').flatMap((file) => sveltePassages(file, read(file))),
    ...filesBelow('src', '.ts')
      .filter((file) => !file.endsWith('.kernel.ts') && !file.includes('/cpu/kernels/'))
      .flatMap((file) => typescriptPassages(file, read(file))),
  ];
}

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

const filesBelow = (folder: string, end: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end))
    .map((name) => `${folder}/${name}`)
    .sort();

export function findingsIn(passages: readonly Passage[]): Finding[] {
  return passages.flatMap(({ area, place, text }) =>
    sentencesOf(text).flatMap((sentence) =>
      RULES.flatMap((rule) => {
        const times = breaks(rule, sentence);
        return times === 0 ? [] : [{ area, place, rule: rule.name, instead: rule.instead, sentence, times }];
      }),
    ),
  );
}

export function countsOf(findings: readonly Finding[]): Counts {
  return Object.fromEntries(
    AREAS.map((area) => [
      area,
      Object.fromEntries(
        RULES.flatMap(({ name }) => {
          const own = findings.filter((one) => one.area === area && one.rule === name);
          const times = own.reduce((sum, one) => sum + one.times, 0);
          return times === 0 ? [] : [[name, times] as const];
        }),
      ),
    ]),
  );
}
