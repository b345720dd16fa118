/** The house style: its rules find what they name, and README, docs, page, help and messages break them no more often than before. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { countsOf, findingsIn, prose, type Counts } from '../../scripts/prose/count.ts';
import { markdownPassages } from '../../scripts/prose/markdown.ts';
import { AREAS } from '../../scripts/prose/passage.ts';
import { breaks, RULES, sentencesOf } from '../../scripts/prose/rules.ts';
import { sveltePassages } from '../../scripts/prose/svelte.ts';
import { typescriptPassages } from '../../scripts/prose/typescript.ts';

const texts = (passages: readonly { readonly text: string }[]): string[] => passages.map(({ text }) => text);

describe.each(RULES)('the rule “$name”', (rule) => {
  test('finds a sentence that breaks it', () => {
    expect(
      sentencesOf(rule.wrong).reduce((sum, sentence) => sum + breaks(rule, sentence), 0),
    ).toBeGreaterThan(0);
  });

  test('lets a sentence pass that keeps it', () => {
    expect(sentencesOf(rule.right).filter((sentence) => breaks(rule, sentence) > 0)).toEqual([]);
  });
});

describe('the prose of a file', () => {
  test('divides Markdown into paragraphs, items and cells, without code, quotes and links', () => {
    const page = [
      '# A *title*',
      'One paragraph',
      'of two lines, with `code` and a [link](x.md).',
      '',
      '- an item',
      '',
      '```sh',
      'where alone',
      '```',
      '| “All weights” | a cell |',
      '> quoted output',
    ].join('\n');
    expect(markdownPassages('docs', 'x.md', page)).toEqual([
      { area: 'docs', place: 'x.md:1', text: 'A title' },
      { area: 'docs', place: 'x.md:2', text: 'One paragraph of two lines, with … and a link.' },
      { area: 'docs', place: 'x.md:5', text: 'an item' },
      { area: 'docs', place: 'x.md:10', text: 'a cell' },
    ]);
  });

  test('takes sentences of code, and short strings only under names that people read', () => {
    const source = [
      "import { x } from './a b c.ts';",
      "const style = ['h1, h2 { margin: 0 auto; font-weight: 600; }', `p { color: red; }`];",
      "const setting = { name: 'batch', label: 'Rows', help: `Rows of ${x}.` };",
      "throw new GraftError('file-missing', 'The file is gone.', `Choose ${x} again.`);",
    ].join('\n');
    expect(typescriptPassages('src/cli/x.ts', source).map(({ area, text }) => [area, text])).toEqual([
      ['help', 'Rows'],
      ['help', 'Rows of ….'],
      ['messages', 'The file is gone.'],
      ['messages', 'Choose … again.'],
    ]);
  });

  test('joins the text of a component across values and inline elements, and takes labels', () => {
    const component = [
      '<script lang="ts">const said = \'The run is saved.\';</script>',
      '<p>It starts <b>where</b> {said} ends.</p>',
      '<button aria-label="Stop the run" class="some css classes">Stop</button>',
      "{#if said}<p>{said ? 'It is paused now.' : ''}</p>{/if}",
    ].join('\n');
    expect(texts(sveltePassages('src/app/X.svelte', component)).sort()).toEqual(
      ['It is paused now.', 'It starts where … ends.', 'Stop', 'Stop the run', 'The run is saved.'].sort(),
    );
  });

  test('says the line of a finding', () => {
    const component = '<p>Fine.</p>\n\n<p>It begins.</p>\n';
    expect(findingsIn(sveltePassages('X.svelte', component)).map(({ place, rule }) => [place, rule])).toEqual(
      [['X.svelte:3', 'begin']],
    );
  });
});

describe('the prose of the repository', () => {
  const most = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../scripts/prose/counts.json'), 'utf8'),
  ) as Counts;
  const passages = prose();
  const findings = findingsIn(passages);
  const counts = countsOf(findings);

  test.each(AREAS)('breaks no rule more often than before: %s', (area) => {
    const over = Object.entries(counts[area] ?? {}).filter(
      ([rule, times]) => times > (most[area]?.[rule] ?? 0),
    );
    // The places to mend; npm run prose lists them as well.
    expect(
      over.map(([rule, times]) => ({
        rule,
        times,
        most: most[area]?.[rule] ?? 0,
        places: findings.filter((one) => one.area === area && one.rule === rule).map(({ place }) => place),
      })),
    ).toEqual([]);
  });

  test('is found in every area', () => {
    for (const area of AREAS)
      expect(passages.filter((one) => one.area === area).length, area).toBeGreaterThan(100);
  });
});
