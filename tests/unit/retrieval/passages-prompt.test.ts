/** Passages and a question as one prompt, fitted to the window. */
import { describe, expect, test } from 'vitest';
import { fitPassages, PassagesTemplate, type PassageSource } from '../../../src/retrieval/passages-prompt.ts';
import { REFUSAL } from '../../../src/retrieval/passages-template.ts';
import { graftError } from '../expect-graft-error.ts';

const source = (id: string, text: string, page: number | null = null): PassageSource => ({
  ...{ id, file: `${id}.md`, page, text },
  start: 10,
  end: 10 + text.length,
});
const PEAS = source('peas', 'Peas climb a net.');
const BEANS = source('beans', 'Beans need warmth and {{ question }}.', 3);
const template = new PassagesTemplate();
/** A token is a word. */
const tokensOf = (text: string): number => text.split(/\s+/).length;

describe('the default template', () => {
  test('numbers the passages, names file and page, and asks for a refusal if they hold no answer', () => {
    const text = template.render('What climbs?', [PEAS, BEANS]);
    expect(text).toMatch(/^\[1\] peas\.md\nPeas climb a net\.\n\n\[2\] beans\.md, page 3\nBeans need/);
    expect(text).toContain(`write only: ${REFUSAL}`);
    expect(text.endsWith('Question: What climbs?')).toBe(true);
  });

  test('shows what looks like a template in a document as text', () => {
    expect(template.render('What?', [BEANS])).toContain('warmth and {{ question }}.');
  });
});

test.each([
  ['{% for %}', /does not work/],
  ['{{ nothing.at.all }}', /does not work/],
  ['{{ question }}', /leaves out the passages/],
  ['{% for p in passages %}{{ p.text }}{% endfor %}', /leaves out the question/],
])('refuses the template %s', async (text, message) => {
  const error = await graftError(() => new PassagesTemplate(text), 'passages-template');
  expect(error.message).toMatch(message);
});

test('renders a template of its own', () => {
  const own = new PassagesTemplate('{{ passages[0].text }} {{ question }}\n');
  expect(own.render('Why?', [PEAS])).toBe('Peas climb a net. Why?');
});

describe('fitting', () => {
  const found = ['one', 'two', 'three'].map((id) => source(id, Array(20).fill(id).join(' ')));
  const without = tokensOf(template.render('Why?', []));

  test('keeps all passages where there is room', () => {
    const fitted = fitPassages(template, 'Why?', found, { room: 1000, tokensOf });
    expect(fitted).toMatchObject({ sources: found, leftOut: [], cut: 0 });
    expect(fitted.text).toBe(template.render('Why?', found));
    expect(fitted.tokens).toBe(tokensOf(fitted.text));
    expect(fitted.passageTokens).toBe(fitted.tokens - without);
  });

  test.each([1, 2])('leaves out the lowest ranked if %i fit', (count) => {
    const room = tokensOf(template.render('Why?', found.slice(0, count)));
    const fitted = fitPassages(template, 'Why?', found, { room, tokensOf });
    expect(fitted.sources).toEqual(found.slice(0, count));
    expect(fitted.leftOut).toEqual(found.slice(count));
    expect(fitted.tokens).toBe(room);
  });

  test('cuts the best passage behind a word if not even it fits, and says how much it loses', () => {
    const { sources, cut, tokens, leftOut } = fitPassages(template, 'Why?', found, {
      room: without + 10,
      tokensOf,
    });
    expect(tokens).toBe(without + 10);
    expect(leftOut).toHaveLength(2);
    expect(sources[0].text).toMatch(/^one( one)*$/);
    expect(sources[0].end - sources[0].start).toBe(sources[0].text.length);
    expect(cut).toBe(found[0].text.length - sources[0].text.length);
  });

  test('returns a question that does not fit by itself without passages', () => {
    expect(fitPassages(template, 'Why?', found, { room: 3, tokensOf })).toMatchObject({
      sources: [],
      leftOut: found,
      text: template.render('Why?', []),
    });
  });
});
