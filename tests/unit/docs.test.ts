/** Links and commands of the documentation: files and headings exist, commands and flags are those of the command. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { anchorOf } from '../../scripts/reference/markdown.ts';
import { CHAPTERS } from '../../src/app/guide/terms.ts';
import { commands } from '../../src/cli/commands.ts';
import { Flags, wordApart } from '../../src/cli/flags.ts';
import { codeBlocks, shellCommands, type CodeBlock } from './shell-commands.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DOCS = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'tests/reference/README.md', ...DOCS];

const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');
const withoutCode = (text: string): string =>
  text.replaceAll(/^(```|~~~).*?^\1/gms, '').replaceAll(/`[^`\n]*`/g, '');

/** The anchors of a page; a heading that stands there twice gets a number. */
function anchorsOf(page: string): string[] {
  const seen = new Map<string, number>();
  return read(page)
    .replaceAll(/^(```|~~~).*?^\1/gms, '')
    .split('\n')
    .flatMap((line) => {
      const title = /^#{1,6} (.*)$/.exec(line)?.[1];
      if (title === undefined) return [];
      const anchor = anchorOf(title.replaceAll(/\]\([^)]*\)/g, ']'));
      const before = seen.get(anchor) ?? 0;
      seen.set(anchor, before + 1);
      return [before === 0 ? anchor : `${anchor}-${before}`];
    });
}

const linksOf = (page: string): string[] =>
  [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)]
    .map(([, link, picture]) => link ?? picture)
    .filter((link) => !/^[a-z]+:/.test(link));

/** The page or file of a link, from the root; the page itself for an anchor only. */
const targetOf = (page: string, link: string): string => {
  const [path] = link.split('#');
  return path === '' ? page : normalize(join(dirname(page), path));
};

describe.each(pages)('%s', (page) => {
  test('links to files that exist', () => {
    expect(linksOf(page).filter((link) => !existsSync(join(ROOT, targetOf(page, link))))).toEqual([]);
  });

  test('links to headings that exist', () => {
    const missing = linksOf(page).filter((link) => {
      const [, anchor] = link.split('#');
      const target = targetOf(page, link);
      return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor);
    });
    expect(missing).toEqual([]);
  });

  test('calls commands that exist, with flags that they have', () => {
    expect(codeBlocks(read(page)).flatMap(faultsOf)).toEqual([]);
  });
});

/** How many words a command takes without a flag. */
const WORDS: Readonly<Record<string, number>> = { fetch: 1, compare: 2 };

/** What is wrong with the calls of graft in a block of code. */
function faultsOf(block: CodeBlock): string[] {
  return shellCommands(block.text).flatMap((words) => {
    const line = words.join(' ');
    if (words[0] === 'graft') return [`${line}: write npx graft`];
    if (words[0] !== 'npx' || !['graft', 'graft-studio'].includes(words[1])) return [];
    const [, , name, ...args] = words;
    if (!Object.hasOwn(commands, name)) return [`${line}: there is no command ${name}`];
    const { flags } = commands[name];
    if (block.language !== 'sh') {
      const known = Object.entries(flags).flatMap(([flag, { negative }]) => [flag, negative]);
      return args
        .flatMap((word) => [...word.matchAll(/(?<![\w-])--([\w-]+)/g)].map(([, flag]) => flag))
        .filter((flag) => !known.includes(flag))
        .map((flag) => `${line}: there is no flag --${flag}`);
    }
    try {
      let rest = args;
      for (let i = 0; i < (WORDS[name] ?? 0); i++) ({ rest } = wordApart(flags, rest));
      new Flags(flags, rest);
      return [];
    } catch (error) {
      return [`${line}: ${String(error)}`];
    }
  });
}

test('the tests of commands find a wrong command and a wrong flag', () => {
  const block = (text: string): CodeBlock => ({ language: 'sh', text });
  expect(faultsOf(block('npx graft trian --model m'))).toHaveLength(1);
  expect(faultsOf(block('npx graft train --modle m'))).toHaveLength(1);
  expect(faultsOf(block('graft train --model m'))).toHaveLength(1);
  expect(
    faultsOf(block("cd x && npx graft train --model 'a b' \\\n  --data rows.jsonl > log   # trains")),
  ).toEqual([]);
});

test('the index links to every page of the documentation', () => {
  const linked = linksOf('docs/README.md').map((link) => targetOf('docs/README.md', link));
  const logs = linksOf('docs/experiments/README.md').map((link) =>
    targetOf('docs/experiments/README.md', link),
  );
  expect(DOCS.filter((page) => page !== 'docs/README.md' && ![...linked, ...logs].includes(page))).toEqual(
    [],
  );
});

test('sources, tests and scripts name pages that exist', () => {
  const files = ['src', 'tests', 'scripts', 'bench', 'bin'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs|svelte|md|py)$/.test(name) && !name.includes('node_modules'))
      .map((name) => join(folder, name)),
  );
  const missing = files
    .filter((file) => statSync(join(ROOT, file)).isFile())
    .flatMap((file) =>
      // Not a page of another repository.
      [...read(file).matchAll(/(?<![\w/.-])docs\/[\w/-]+\.md/g)].map(([page]) => ({ file, page })),
    )
    .filter(({ page }) => !existsSync(join(ROOT, page)));
  expect(missing).toEqual([]);
});

test('the guide of the page names pages by titles that exist', () => {
  const titles = DOCS.flatMap((page) => /^# (.*)$/m.exec(read(page))?.[1] ?? []);
  const named = CHAPTERS.flatMap(({ terms }) =>
    terms.flatMap(({ source }) =>
      [...source.matchAll(/Graft documentation, ([^;]+)/g)].map(([, title]) => title),
    ),
  );
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((title) => !titles.includes(title))).toEqual([]);
  // A path is of no use in the page.
  expect(CHAPTERS.flatMap(({ terms }) => terms.filter(({ source }) => source.includes('docs/')))).toEqual([]);
});
