/** Instruction templates: phrasings that a seed draws, places for columns, and the library. */
import { expect, test } from 'vitest';
import { checkMapping, columnsOf, compileMapping } from '../../../src/data/mapping.ts';
import { drawPhrasing, joinPhrasings, phrasingsOf } from '../../../src/data/phrasings.ts';
import { readExamples } from '../../../src/data/formats.ts';
import { ownTemplate, readOwnTemplate, templateOfMapping } from '../../../src/data/templates/own.ts';
import { TEMPLATES } from '../../../src/data/templates/registry.ts';
import { mappingOf, missingPlace, suggestPlaces } from '../../../src/data/templates/template.ts';

const template = (name: string) => TEMPLATES.find((one) => one.name === name)!;

test('phrasings stand between lines with {{or}}, which may name a seed', () => {
  expect(phrasingsOf('one\ntwo')).toEqual({ templates: ['one\ntwo'], seed: 0 });
  expect(phrasingsOf('one\n{{or}}\ntwo\nlines\n  {{ or }} \nthree')).toEqual({
    templates: ['one', 'two\nlines', 'three'],
    seed: 0,
  });
  expect(phrasingsOf('one\n{{or 7}}\ntwo').seed).toBe(7);
  // In a line of other words it is a column.
  expect(phrasingsOf('one {{or}} two').templates).toEqual(['one {{or}} two']);
  for (const seed of [0, 12])
    expect(phrasingsOf(joinPhrasings({ templates: ['a', 'b\nc'], seed }))).toEqual({
      templates: ['a', 'b\nc'],
      seed,
    });
});

test('every phrasing is drawn about as often, the same one for the same line and seed', () => {
  const draws = (seed: number): number[] =>
    Array.from({ length: 3000 }, (_, line) => drawPhrasing(5, seed, line + 1));
  expect(draws(1)).toEqual(draws(1));
  expect(draws(1)).not.toEqual(draws(2));
  for (let one = 0; one < 5; one++) {
    const share = draws(3).filter((drawn) => drawn === one).length / 3000;
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.25);
  }
});

test('the columns of every phrasing are used, and none may be empty', () => {
  const mapping = { prompt: 'A {{a}}\n{{or}}\nB {{b}}', answer: '{{c}}' };
  expect(columnsOf(mapping)).toEqual(['a', 'b', 'c']);
  expect(() => checkMapping(mapping, ['a', 'c'])).toThrow(/no column “b”/);
  expect(() => checkMapping({ prompt: 'A\n{{or}}\n ', answer: '{{c}}' }, ['c'])).toThrow(
    /phrasings of the prompt is empty/,
  );
});

test('reviews with stars become instruction rows, each by the phrasing of its line', () => {
  const rows = Array.from({ length: 40 }, (_, i) => `"Review number ${i}",${(i % 5) + 1}`);
  const rate = template('rate');
  const places = suggestPlaces(rate, ['review', 'stars']);
  expect(places).toEqual({ review: 'review', rating: 'stars', most: '5' });
  const mapping = mappingOf(rate, places, 3);
  const read = (): (string | undefined)[] =>
    readExamples(['review,stars', ...rows].join('\n'), { fileName: 'reviews.csv', mapping }).examples.map(
      (example) => (example.kind === 'completion' ? `${example.prompt} → ${example.completion}` : undefined),
    );
  expect(read()).toEqual(read());
  expect(read()[7]).toContain('Review number 7');
  expect(read()[7]).toMatch(/→ 3$/);
  // The words of all phrasings, without the columns.
  expect(new Set(read().map((text) => text?.replace(/Review number \d+|→ \d/g, ''))).size).toBe(
    rate.phrasings.length,
  );
});

test('words are inserted as text, and optional ones leave no trace', () => {
  const classify = template('classify');
  const places = suggestPlaces(classify, ['id', 'message', 'team']);
  expect(places).toMatchObject({ text: 'message', label: 'team', labels: '' });
  expect(mappingOf(classify, places).prompt).not.toContain('Choose from');
  const named = mappingOf(classify, { ...places, labels: 'sales, {{help}}' });
  expect(
    phrasingsOf(named.prompt).templates.every((one) => one.endsWith('Choose from: sales, {help}.')),
  ).toBe(true);
  expect(columnsOf(named)).toEqual(['message', 'team']);
});

test('a place without a column is named', () => {
  const summarise = template('summarise');
  expect(suggestPlaces(summarise, ['long', 'summary'])).toEqual({ text: 'long', summary: 'summary' });
  const places = suggestPlaces(summarise, ['a', 'b', 'c']);
  expect(missingPlace(summarise, places)).toBe('text');
  expect(() => mappingOf(summarise, places)).toThrow(/summarise has nothing for “text”/);
});

test.each(TEMPLATES.map((one) => [one.name, one] as const))(
  '%s has several phrasings, each with all that it is about',
  (name, one) => {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(one.phrasings.length).toBeGreaterThanOrEqual(5);
    expect(new Set(one.phrasings).size).toBe(one.phrasings.length);
    const answer = one.columns.at(-1)!;
    const places = Object.fromEntries([
      ...one.columns.map((column) => [column.name, column.often[0]]),
      ...(one.words ?? []).map((word) => [word.name, word.initial]),
    ]) as Record<string, string>;
    expect(
      suggestPlaces(
        one,
        Object.values(places).filter((place) => place !== ''),
      ),
    ).toMatchObject(Object.fromEntries(one.columns.map((column) => [column.name, places[column.name]])));
    const mapping = mappingOf(one, places);
    checkMapping(
      mapping,
      one.columns.map((column) => places[column.name]),
    );
    for (const phrasing of phrasingsOf(mapping.prompt).templates) {
      expect(phrasing).not.toMatch(/\[\w+\]/);
      for (const column of one.columns) {
        const isAsked = phrasing.includes(`{{${places[column.name]}}}`);
        expect(isAsked, `${column.name} in ${phrasing}`).toBe(column !== answer);
      }
    }
    const row = Object.fromEntries(one.columns.map((column) => [places[column.name], `the ${column.name}`]));
    expect(compileMapping(mapping)(row, 1)).toMatchObject({
      kind: 'completion',
      completion: `the ${answer.name}`,
    });
  },
);

test('a written mapping becomes a template, which gives the same mapping again', () => {
  const mapping = { prompt: 'Rate it: {{review}}\n{{or 3}}\n{{review}} for {{shop}}?', answer: '{{stars}}' };
  const own = templateOfMapping(mapping)!;
  expect(own).toEqual({ prompts: ['Rate it: [review]', '[review] for [shop]?'], answer: 'stars' });
  expect(readOwnTemplate(JSON.parse(JSON.stringify(own)))).toEqual(own);
  const again = ownTemplate('mine', own);
  expect(mappingOf(again, suggestPlaces(again, ['stars', 'shop', 'review']), 3)).toEqual(mapping);
  // A system message, or words around the answer, are no part of a template.
  expect(templateOfMapping({ ...mapping, system: 'Be brief.' })).toBeUndefined();
  expect(templateOfMapping({ ...mapping, answer: '{{stars}} stars' })).toBeUndefined();
  for (const odd of [
    null,
    [],
    {},
    { prompts: [], answer: 'a' },
    { prompts: [' '], answer: 'a' },
    { prompts: ['a'] },
  ])
    expect(readOwnTemplate(odd)).toBeUndefined();
});
