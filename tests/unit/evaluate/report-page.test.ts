/** report.html: one readable page of an evaluation, whose texts are hostile. */
import { Parser } from 'htmlparser2';
import { describe, expect, test } from 'vitest';
import { flipsOf } from '../../../src/evaluate/flips.ts';
import { recordOf, type Evaluation, type Subject } from '../../../src/evaluate/record.ts';
import { judgeRecord } from '../../../src/evaluate/report.ts';
import { reportPage } from '../../../src/evaluate/report-page.ts';
import { html } from '../../../src/html.ts';
import { USUAL_SCORERS, USUAL_TEXT_SCORERS } from '../../../src/scorers/lists.ts';
import { answerScores } from '../../../src/scorers/scores.ts';

interface Read {
  readonly tags: readonly { readonly name: string; readonly attributes: Readonly<Record<string, string>> }[];
  /** The text of each element of a kind. */
  texts(name: string): string[];
  readonly text: string;
}

/** What a parser of HTML makes of a page. */
function read(page: string): Read {
  const tags: { name: string; attributes: Record<string, string>; text: string }[] = [];
  const open: (typeof tags)[number][] = [];
  let text = '';
  const parser = new Parser({
    onopentag(name, attributes) {
      const tag = { name, attributes, text: '' };
      tags.push(tag);
      open.push(tag);
    },
    ontext(data) {
      if (!open.some(({ name }) => name === 'style')) text += data;
      for (const tag of open) tag.text += data;
    },
    onclosetag: () => void open.pop(),
  });
  parser.end(page);
  return {
    ...{ tags, text },
    texts: (name) => tags.filter((tag) => tag.name === name).map((tag) => tag.text),
  };
}

const LABELS = ['tool', 'tree'];
const expected = Array.from({ length: 24 }, (_, at) => LABELS[at % 2]);
const EVIL = '</pre><script>alert(1)</script><img src=x onerror="alert(2)">&amp; \u001b[31m \u202e\ud800';
const SHOWN = '</pre><script>alert(1)</script><img src=x onerror="alert(2)">&amp; \\u001b[31m \\u202e\ufffd';

/** Answers that are right on rows from one up to another. */
const rightOn = (from: number, to: number): string[] =>
  expected.map((text, at) => (at >= from && at < to ? text : `not ${text}`));

function evaluation(
  columns: readonly (Pick<Subject, 'method' | 'label'> & Partial<Subject> & { answers: string[] })[],
  prompts = expected.map((_, at) => `Ask ${at}`),
): Evaluation {
  return recordOf(
    {
      ...{ time: 1e12, graft: '0.1.0', newTokens: 8 },
      model: { name: 'models/sprig', bundled: false },
      draw: { seed: 7, of: 24, test: 24, tooLong: 0, labels: { drawn: 2, of: 2, least: 12, most: 12 } },
    },
    expected.map((text, at) => ({ prompt: prompts[at], expected: text, row: at, line: at + 1 })),
    columns.map(({ answers, ...subject }) => ({
      subject: { answerSeconds: 12, ...subject },
      answers: answers.map((text) => ({ text, tokens: 3, seconds: 0.25 })),
      scores: Object.fromEntries(
        USUAL_TEXT_SCORERS.map((one) => [
          one.name,
          answerScores(
            one,
            answers.map((answer, at) => ({ answer, expected: expected[at] })),
          ),
        ]),
      ),
    })),
    USUAL_TEXT_SCORERS.map(({ name }) => ({ name })),
  );
}

const base = { method: 'base', label: 'Base model', answers: rightOn(0, 6) };
const tuned = { method: 'adapter', label: 'out/a', adapter: { name: 'out/a', folder: 'out/a' } };
const record = evaluation([base, { ...tuned, answers: rightOn(2, 20) }]);

function pageOf(of: Evaluation): string {
  return reportPage(of, {
    ...{ metrics: USUAL_SCORERS, judged: judgeRecord(of), part: 'test' },
    command: 'graft evaluate --model models/sprig',
    adapters: [{ name: 'out/a', recipe: { lr: 0.004, method: EVIL }, made: { graft: '0.1.0' }, steps: 9 }],
  });
}

describe('flips', () => {
  test('count the rows that change in each direction, with an interval around their difference', () => {
    const [flips, ...others] = flipsOf(record);
    expect(others).toEqual([]);
    expect(flips).toMatchObject({ both: 4, onlyThis: 14, onlyBase: 2, neither: 4, difference: 0.5 });
    // SciPy: binomtest(2, 16).pvalue
    expect(flips.p).toBeCloseTo(0.004180908203125, 12);
    const [low, high] = flips.interval!;
    // The standard error of the mean of +1 × 14, −1 × 2 and 0 × 8.
    expect(low).toBeCloseTo(0.5 - 1.96 * Math.sqrt((16 / 24 - 0.25) / 24), 1);
    expect(high).toBeCloseTo(0.5 + 1.96 * Math.sqrt((16 / 24 - 0.25) / 24), 1);
  });

  test('are not counted for a method that stopped early', () => {
    expect(
      flipsOf(evaluation([base, { ...tuned, answers: rightOn(0, 9).slice(0, 9), stopped: true }])),
    ).toEqual([]);
  });
});

describe('the page', () => {
  test('says the verdict in its words, and what changed in both directions', () => {
    const { text, texts } = read(pageOf(record));
    const { before, number, after, how } = judgeRecord(record)!.verdict;
    expect(text).toContain(`${before}${number}${after}`);
    expect(text).toContain(how);
    expect(texts('label').map((label) => label.replaceAll(/\s+/g, ' ').trim())).toEqual([
      'All 24',
      'Only the adapter is right (14)',
      'Only the base model is right, not the adapter (2)',
      'Both are right (4)',
      'Neither is right (4)',
    ]);
    const line = texts('tr').find((row) => row.includes('+50.0'))!;
    expect(line.replaceAll(/\s+/g, ' ')).toMatch(
      /out\/a ?\+50.0 \(\+\d+\.\d to \+\d+\.\d\) ?14 ?2 ?4 ?4 ?0.0042/,
    );
    expect(texts('tr').find((row) => row.includes('18 of 24'))).toContain('0.500');
  });

  test('marks every answer as right or wrong', () => {
    const { tags, texts } = read(pageOf(record));
    const marks = texts('span').filter((text) => /right|wrong/.test(text));
    expect(marks.filter((text) => text === '✓ right')).toHaveLength(6 + 18);
    expect(marks.filter((text) => text === '✗ wrong')).toHaveLength(18 + 6);
    expect(tags.filter(({ attributes }) => attributes['class'] === 'right')).toHaveLength(24);
  });

  test('shows hostile texts as they are, and makes nothing of them', () => {
    const evil = evaluation(
      [
        { ...base, label: EVIL },
        { ...tuned, label: EVIL, adapter: { name: EVIL, folder: EVIL }, answers: expected.map(() => EVIL) },
      ],
      expected.map(() => EVIL),
    );
    const { tags, texts } = read(pageOf(evil));
    expect(texts('pre').filter((text) => text === SHOWN)).toHaveLength(48);
    const names = new Set(tags.map(({ name }) => name));
    for (const name of ['script', 'img', 'link', 'iframe', 'object', 'a']) expect(names).not.toContain(name);
    const attributes = new Set(tags.flatMap((tag) => Object.keys(tag.attributes)));
    for (const name of attributes) expect(name).not.toMatch(/^(on|src|href|style|action)/);
  });

  test('loads and runs nothing by its policy', () => {
    const policy = read(pageOf(record)).tags.find(
      ({ attributes }) => attributes['http-equiv'] === 'Content-Security-Policy',
    );
    expect(policy?.attributes['content']).toBe(
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    );
  });

  test('gives each table a caption and headings of its columns and lines', () => {
    const { tags, texts } = read(pageOf(record));
    expect(texts('caption')).toHaveLength(texts('table').length);
    const scopes = tags.filter(({ name }) => name === 'th').map(({ attributes }) => attributes['scope']);
    expect(new Set(scopes)).toEqual(new Set(['col', 'row']));
  });

  test('has no verdict without something tuned, and no marks without wanted answers', () => {
    const { text } = read(pageOf(evaluation([base])));
    expect(text).toContain('No verdict');
    const prompts = { ...record, items: record.items.map((item) => ({ ...item, expected: '' })) };
    expect(pageOf(prompts)).not.toContain('✗ wrong');
  });
});

test('pieces of markup are escaped unless they were made as markup', () => {
  const inner = html`<b>${'<i>'}</b>`;
  expect(html`<p title="${'"'}">${inner}${['&', 1, undefined, false]}</p>`.text).toBe(
    '<p title="&quot;"><b>&lt;i&gt;</b>&amp;1</p>',
  );
});
