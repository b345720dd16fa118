import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { suggestMapping } from '../../../src/data/columns.ts';
import { readExamples } from '../../../src/data/formats.ts';
import {
  checkMapping,
  columnsOf,
  compileMapping,
  fillTemplate,
  parseTemplate,
  type Mapping,
} from '../../../src/data/mapping.ts';
import { kindOfPaste } from '../../../src/data/paste.ts';
import { inspectHead } from '../../../src/data/sheet.ts';
import { histogramOf, identityOf } from '../../../src/data/statistics.ts';
import { graftError } from '../expect-graft-error.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('templates', () => {
  const fill = (template: string, row: Record<string, unknown>): string =>
    fillTemplate(parseTemplate(template), row);

  it('put columns into a text', () => {
    expect(fill('Q: {{ q }}\nA:', { q: 'Hi' })).toBe('Q: Hi\nA:');
    expect(fill('{ {a} }', { a: 1 })).toBe('{ {a} }');
    expect(
      fill('{{n}} {{yes}} {{nothing}} {{list}}', { n: 1.5, yes: true, nothing: null, list: [1, 'a'] }),
    ).toBe('1.5 true  [1,"a"]');
    expect(fill('{{a.0.b}} {{a.b}}', { a: [{ b: 'deep' }], 'a.b': 'plain' })).toBe('deep plain');
  });

  it('never read what a column holds as a template', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(fill('<{{a}}|{{b}}>', { a, b })).toBe(`<${a}|${b}>`);
      }),
    );
    expect(fill('{{a}}', { a: '{{b}}', b: 'no' })).toBe('{{b}}');
  });

  it('are anything, and give a text or an error that says what', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc
          .array(fc.constantFrom('{{', '}}', '{', '}', 'a', ' ', '\n', '{{a}}', 'é'))
          .map((parts) => parts.join('')),
        async (template) => {
          try {
            const parts = parseTemplate(template);
            const back = parts
              .map((part) => ('literal' in part ? part.literal : `{{${part.column}}}`))
              .join('');
            expect(back.replaceAll(/\s/g, '')).toBe(template.replaceAll(/\s/g, ''));
          } catch (error) {
            await graftError(() => {
              throw error;
            }, 'data-template');
          }
        },
      ),
    );
  });

  it('cannot access anything except the row', () => {
    for (const column of ['__proto__', 'constructor', 'toString', 'a.constructor.name'])
      expect(() => fill(`{{${column}}}`, { a: 'x' })).toThrow(`there is no ${column}`);
  });
});

describe('mappings', () => {
  it('become examples', () => {
    const row = { q: 'Two?', a: '2', s: 'Be brief.' };
    expect(compileMapping({ prompt: '{{q}}', answer: '{{a}}' })(row)).toEqual({
      kind: 'completion',
      prompt: 'Two?',
      completion: '2',
      separator: '\n',
    });
    expect(compileMapping({ prompt: '{{q}}\n', answer: '{{a}}' })(row)).toMatchObject({ separator: '' });
    expect(compileMapping({ system: '{{s}}', prompt: '{{q}}', answer: '{{a}}' })(row)).toEqual({
      kind: 'messages',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Two?' },
        { role: 'assistant', content: '2' },
      ],
    });
    expect(
      compileMapping({ system: '{{s}}', prompt: '{{q}}', answer: '{{a}}' })({ ...row, s: '' }),
    ).toMatchObject({
      kind: 'completion',
    });
    expect(compileMapping({ text: '{{q}} {{a}}' })(row)).toEqual({ kind: 'text', text: 'Two? 2' });
  });

  it('name the missing column, and the existing ones', async () => {
    const check = (mapping: Mapping) => () => checkMapping(mapping, ['text', 'label', 'a.0.b']);
    const error = await graftError(check({ prompt: '{{Text}}', answer: '{{label}}' }), 'data-column');
    expect(error.what).toBe('There is no column “Text”. The columns are text, label, a.0.b.');
    expect(check({ prompt: 'x {{a}}', answer: '{{label}}' })).not.toThrow();
    for (const mapping of [
      { prompt: '', answer: '{{label}}' },
      { prompt: '{{text}}', answer: ' ' },
      { prompt: '{{text}}', answer: 'yes' },
      { text: ' ' },
      { text: '{{text' },
    ])
      await graftError(check(mapping), 'data-template');
    expect(columnsOf({ system: '{{s}}', prompt: '{{q}} {{q}}', answer: '{{a}}' })).toEqual(['s', 'q', 'a']);
  });

  it('apply to JSONL, where a row may lack a column', async () => {
    const rows = '{"q":"1","a":"one"}\n{"q":"2"}\n{"q":"3","a":" "}\n';
    const mapping = { prompt: '{{q}}', answer: '{{a}}' };
    const { examples, problems, format } = readExamples(rows, { fileName: 'x.jsonl', mapping });
    expect([examples.length, format]).toEqual([1, 'mapped']);
    expect(problems).toEqual([
      { line: 2, reason: 'there is no a' },
      { line: 3, reason: 'the answer is empty', fault: 'empty-answer' },
    ]);
    await graftError(
      () => readExamples(rows, { fileName: 'x.jsonl', mapping: { prompt: '{{q}}', answer: '{{b}}' } }),
      'data-column',
    );
  });

  it('are suggested by names', () => {
    expect(suggestMapping(['id', 'question', 'answer'])).toEqual({
      prompt: '{{question}}',
      answer: '{{answer}}',
    });
    expect(suggestMapping(['text', 'category'])).toEqual({ prompt: '{{text}}', answer: '{{category}}' });
    expect(suggestMapping(['system', 'user', 'assistant'])).toEqual({
      system: '{{system}}',
      prompt: '{{user}}',
      answer: '{{assistant}}',
    });
    expect(suggestMapping(['column 1', 'column 2', 'column 3'])).toEqual({
      prompt: '{{column 2}}',
      answer: '{{column 3}}',
    });
    expect(
      suggestMapping(['question', 'answer', 'kind', 'passages.0.doc', 'passages.0.start', 'passages.0.text']),
    ).toEqual({ prompt: '{{question}}', answer: '{{answer}}' });
    expect(suggestMapping(['column 1'])).toEqual({ text: '{{column 1}}' });
    expect(suggestMapping([])).toBeUndefined();
  });
});

describe('the preview of a file before it is mapped', () => {
  it('shows columns and rows', () => {
    expect(inspectHead(bytes('text,category\nHi,greeting\nBye'), 'x.csv', {})).toMatchObject({
      kind: 'table',
      header: true,
      delimiter: ',',
      columns: ['text', 'category'],
      rows: [{ line: 2, row: { text: 'Hi', category: 'greeting' } }],
      suggestion: { prompt: '{{text}}', answer: '{{category}}' },
    });
    const nested = inspectHead(bytes('[{"a":{"b":[1,{"c":"x"}]}},\n{"d":"cut'), 'x.json', {});
    expect(nested).toMatchObject({ kind: 'json', columns: ['a.b.0', 'a.b.1.c'] });
    expect(inspectHead(bytes('{"messages":[{"role":"user"}]}\n'), 'x.jsonl', {})?.format).toBe('messages');
    expect(inspectHead(bytes('Once upon a time'), 'x.txt', {})).toBeUndefined();
    expect(inspectHead(bytes('not json'), 'x.json', {})).toBeUndefined();
  });

  it('is bounded, whatever the content', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('x.csv', 'x.json', 'x.jsonl', 'x'),
        (head, name) => {
          const sheet = inspectHead(head, name, {});
          if (sheet) expect(sheet.rows.length).toBeLessThanOrEqual(3);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('pastes', () => {
  it.each([
    ['{"text":"a"}\n{"text":"b"}', 'jsonl'],
    ['{"text":"a"}\n{"broken', 'jsonl'],
    ['{"data":[{"text":"a"}]}', 'json'],
    ['{\n"data": []}', 'json'],
    [' [{"text":"a"}]', 'json'],
    ['question\tanswer\nWho?\tI', 'tsv'],
    ['question,answer\n"Who, me?",yes\nYou?,no\n', 'csv'],
    ['frage;antwort\nWer?;ich\n', 'csv'],
    ['It was late, and dark.\nThe wind blew, and it rained.\n', 'txt'],
    ['Dear Ann, I hope that you are well,\nand that it is warm, where you are,\n', 'txt'],
    ['one line, only', 'txt'],
    ['', 'txt'],
  ])('%j is %s', (text, kind) => {
    expect(kindOfPaste(text)).toBe(kind);
  });

  it('anything is something', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(['jsonl', 'json', 'csv', 'tsv', 'txt']).toContain(kindOfPaste(text));
      }),
    );
  });
});

describe('statistics', () => {
  it('a histogram holds every row, the endless ones in its last bar', () => {
    const short = Array.from({ length: 300 }, (_, i) => i % 100);
    const histogram = histogramOf([...short, 5000]);
    expect(histogram).toMatchObject({ median: 50, longest: 5000, width: 5 });
    expect(histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(301);
    expect(histogram.counts.at(-1)).toBe(16);
    fc.assert(
      fc.property(fc.array(fc.nat(100_000)), (lengths) => {
        const { counts } = histogramOf(lengths);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(lengths.length);
        expect(counts.length).toBeLessThanOrEqual(25);
      }),
    );
  });

  it('duplicates are rows that teach the same', () => {
    const same = [
      { kind: 'completion', prompt: 'a', completion: ' b' },
      { kind: 'completion', prompt: ' a ', completion: 'b' },
    ] as const;
    expect(identityOf(same[0])).toBe(identityOf(same[1]));
    expect(identityOf({ kind: 'completion', prompt: 'a b', completion: '' })).not.toBe(identityOf(same[0]));
  });
});

it('a message lists some of many columns, each cut short', async () => {
  const columns = Array.from({ length: 100 }, (_, i) => `${i}${'x'.repeat(1000)}`);
  const { what } = await graftError(() => checkMapping({ text: '{{y}}' }, columns), 'data-column');
  expect(what.length).toBeLessThan(1000);
  expect(what).toContain('and 88 more');
});
