import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import { looksLikeHeader, namesOfHeader } from '../../../src/data/columns.ts';
import { csvRows, MAX_ROW_CHARS, type CsvRow } from '../../../src/data/csv.ts';
import { readExamples, type ReadOptions, type ReadResult } from '../../../src/data/formats.ts';
import { openTable } from '../../../src/data/table.ts';
import { describeShared, sharedPath } from '../../shared.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const read = (content: Uint8Array | string, options: Partial<ReadOptions> = {}): ReadResult =>
  readExamples(content, { fileName: 'x.csv', ...options });
const cellsOf = (text: string, delimiter = ','): (readonly string[])[] =>
  [...csvRows(text, delimiter)].map(({ cells, problem }) => (problem === undefined ? cells : ['✕', problem]));
const QA = { prompt: '{{q}}', answer: '{{a}}' };
const pairs = ({ examples }: ReadResult): unknown[] =>
  examples.map((example) =>
    example.kind === 'completion' ? [example.line, example.prompt, example.completion] : example,
  );

describe('rows of CSV', () => {
  it('reads quotes, line ends inside of cells, and the ends of all systems', () => {
    expect(cellsOf('a,"b ""c""",d\r\n"x\r\ny",,"z, z"\r\n')).toEqual([
      ['a', 'b "c"', 'd'],
      ['x\ny', '', 'z, z'],
    ]);
    expect(cellsOf('a,b\rc,d\r')).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(cellsOf('a;"b\tc"\n', ';')).toEqual([['a', 'b\tc']]);
    expect(cellsOf('5" pipe,it\'s\n')).toEqual([['5" pipe', "it's"]]);
  });

  it('says the line that a row starts on, blank ones and those of cells counted', () => {
    const rows = [...csvRows('h,i\n\n"a\nb",c\n,\nd,e\n', ',')];
    expect(rows.map(({ line }) => line)).toEqual([1, 3, 6]);
    expect(rows.at(-1)?.end).toBe(19);
  });

  it('loses only one line to a quote that is never closed', () => {
    const { examples, problems } = read('q,a\n1,one\n2,"two\n3,three\n4,four\n', { mapping: QA });
    expect(problems).toEqual([{ line: 3, reason: 'a quote opens here and is never closed' }]);
    expect(pairs({ examples } as ReadResult)).toEqual([
      [2, '1', 'one'],
      [4, '3', 'three'],
      [5, '4', 'four'],
    ]);
  });

  it('keeps the rows that a bad quote would have swallowed', () => {
    const result = read('q,a\n1,"one\n2,"two"\n3,"three, ""3"""\n', { mapping: QA });
    expect(result.problems).toEqual([{ line: 2, reason: 'a quote inside a quoted field is not doubled' }]);
    expect(pairs(result)).toEqual([
      [3, '2', 'two'],
      [4, '3', 'three, "3"'],
    ]);
  });

  it('stays quick with quotes that are never closed, and with a cell without end', () => {
    const bad = [...csvRows('"a\n'.repeat(20_000), ',')];
    expect(bad.length).toBeGreaterThan(0);
    const endless = [...csvRows(`a,b\n"${'x'.repeat(MAX_ROW_CHARS + 10)}\nc,d\n`, ',')];
    expect(endless.map(({ line, problem }) => [line, problem === undefined])).toEqual([
      [1, true],
      [2, false],
      [3, true],
    ]);
  });

  it('reads a file in many chunks like Papa in one', () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => [
      `question ${i}, "${i}"`,
      i % 7 ? `line\n${i}` : '',
    ]);
    const text = Papa.unparse(rows, { newline: '\n' });
    expect(text.length).toBeGreaterThan(2 ** 19);
    const found = [...csvRows(text, ',')];
    expect(found.map(({ cells }) => cells)).toEqual(rows);
    let line = 1;
    for (const [i, row] of found.entries()) {
      if (row.line !== line) throw new Error(`row ${i} is on line ${row.line}, not ${line}`);
      line += i % 7 ? 2 : 1;
    }
  });

  it('reads bytes as it reads their text, wherever a piece of them ends', () => {
    // Characters of one to four bytes, in more than two pieces, with a badly quoted row among them.
    const row = (at: number): string => `${at},"é 中 🙂\n${'x'.repeat(at % 7)}""${'ü'.repeat(at % 5)}"\n`;
    const text = `a,b\n${Array.from({ length: 12_000 }, (_, at) => (at === 9000 ? '1,"x"y\n' : row(at))).join('')}`;
    const bytes = new TextEncoder().encode(text);
    const rows = [...csvRows(bytes, ',')];
    const seen = (all: readonly CsvRow[]): string =>
      all.map(({ line, cells, problem }) => JSON.stringify([line, cells, problem])).join('\n');
    expect(seen(rows)).toBe(seen([...csvRows(text, ',')]));
    const decoder = new TextDecoder();
    const moved = rows.filter(
      ({ start, end, text: own }) => own !== undefined && decoder.decode(bytes.subarray(start, end)) !== own,
    );
    expect(moved).toEqual([]);
    expect(rows.at(-1)?.end).toBe(bytes.length);
  });

  it('gives back any table that was written well', () => {
    const cell = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.constantFrom('"', '""', ',', '\n', '\t', ' ', ';', 'a,b', '"q"'),
    );
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 4 })
          .chain((width) =>
            fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }),
          ),
        fc.constantFrom(',', '\t', ';'),
        fc.constantFrom('\n', '\r\n'),
        (rows, delimiter, newline) => {
          const whole = rows
            .map((row) => row.map((text) => text.replaceAll('\r', '')))
            .filter((row) => row.some((text) => text.trim() !== ''));
          const text = Papa.unparse(whole, { delimiter, newline, quotes: true });
          expect(cellsOf(text, delimiter)).toEqual(whole);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('tables', () => {
  it('guesses what stands between cells, and whether the first row names columns', () => {
    const table = (text: string, name = 'x.csv'): unknown[] => {
      const found = openTable(text, name, {});
      return [found?.delimiter, found?.header, found?.columns];
    };
    expect(table('frage;antwort\nWas, wo?;Ja\nWer?;Nein\n')).toEqual([';', true, ['frage', 'antwort']]);
    expect(table('a\tb\nx, y\tz\n', 'x.tsv')).toEqual(['\t', true, ['a', 'b']]);
    expect(table(',text,label\n0,Hi there,greeting\n')).toEqual([',', true, ['column 1', 'text', 'label']]);
    expect(table('The card has not come yet.,card\nWhere is it?,card\n')).toEqual([
      ',',
      false,
      ['column 1', 'column 2'],
    ]);
    expect(table('1,2\n3,4\n')).toEqual([',', false, ['column 1', 'column 2']]);
    expect(table('\n\n')).toEqual([undefined, undefined, undefined]);
    expect(looksLikeHeader(['prompt', 'A long sentence that is no name at all, really.'])).toBe(true);
    expect(namesOfHeader(['a', 'a', '', ' b ', '{{c}}'])).toEqual(['a', 'a (2)', 'column 3', 'b', '{c}']);
  });

  it('knows the formats by their columns, whatever their capitals', () => {
    const chat = JSON.stringify([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
    ]).replaceAll('"', '""');
    expect(read(`id,messages\n1,"${chat}"\n2,[{'role': 'user'}]\n3,\n`)).toMatchObject({
      format: 'messages',
      examples: [{ kind: 'messages', line: 2 }],
      problems: [
        { line: 3, reason: expect.stringContaining('single quotes') as string },
        { line: 4, reason: 'messages is empty' },
      ],
    });
    expect(read('Instruction,Input,Output\nAdd,1 2,3\n').examples).toEqual([
      { kind: 'completion', prompt: 'Add\n1 2', completion: '3', separator: '\n', line: 2 },
    ]);
    expect(read('prompt,completion\nHi, there\n').examples).toMatchObject([
      { prompt: 'Hi', completion: ' there' },
    ]);
    expect(read('id,text\n1,Once\n')).toMatchObject({
      format: 'text',
      examples: [{ kind: 'text', text: 'Once' }],
    });
    expect(read('ids,labels\n"[1,2]","[-100,2]"\n"[3,4]",\n')).toMatchObject({
      format: 'tokens',
      examples: [{ labels: [-100, 2] }, { labels: [3, 4] }],
    });
    const turns = '"[{""from"":""human"",""value"":""Hi""},{""from"":""gpt"",""value"":""Hello""}]"';
    expect(read(`conversations\n${turns}\n`).format).toBe('sharegpt');
  });

  it('asks for a mapping if the columns are ambiguous, such as a text next to an answer', async () => {
    const error = await graftError(() => read('text,category\nHi,greeting\n'), 'data-columns');
    expect(error.what).toContain('text, category');
    await graftError(() => read('1,2\n3,4\n'), 'data-columns');
  });

  it('lists rows of another width, and forgives a delimiter too many', () => {
    const result = read('q,a\n1,one,\n2\n3,three,more\n', { mapping: QA });
    expect(pairs(result)).toEqual([[2, '1', 'one']]);
    expect(result.problems).toEqual([
      { line: 3, reason: 'the row has 1 field, and there are 2 columns' },
      { line: 4, reason: 'the row has 3 fields, and there are 2 columns' },
    ]);
  });

  it('follows the option for a header', () => {
    const mapping = { prompt: '{{column 1}}', answer: '{{column 2}}' };
    expect(read('q,a\n1,one\n', { mapping, header: false }).examples).toHaveLength(2);
    expect(
      read('1,2\n3,4\n', { mapping: { prompt: '{{1}}', answer: '{{2}}' }, header: true }).examples,
    ).toHaveLength(1);
  });

  it('takes the delimiter from the first line that Excel writes for itself', () => {
    const text = 'sep=|\nq|a\nx, y|1\nz|2\n';
    expect(pairs(read(text, { mapping: QA }))).toEqual([
      [3, 'x, y', '1'],
      [4, 'z', '2'],
    ]);
    expect(
      pairs(
        read('sep=;\nz,2\n', { mapping: { prompt: '{{column 1}}', answer: '{{column 2}}' }, delimiter: ',' }),
      ),
    ).toEqual([[2, 'z', '2']]);
  });

  it('refuses an invalid delimiter', async () => {
    for (const delimiter of ['', '"', '\n', ',,'])
      await graftError(() => read('q,a\n1,2\n', { mapping: QA, delimiter }), 'data-delimiter');
  });
});

describe('encodings', () => {
  const utf16 = (text: string, big: boolean, mark: boolean): Uint8Array => {
    const units = [...(mark ? `\uFEFF${text}` : text)].flatMap((char) =>
      Array.from({ length: char.length }, (_, i) => char.charCodeAt(i)),
    );
    return Uint8Array.from(
      units.flatMap((unit) => (big ? [unit >> 8, unit & 255] : [unit & 255, unit >> 8])),
    );
  };
  const text = 'q,a\nWo ist Käthe?,Düsseldorf 🙂\n';

  it.each([
    ['UTF-8', new TextEncoder().encode(text)],
    ['UTF-8 with a mark', new TextEncoder().encode(`\uFEFF${text}`)],
    ['UTF-16 little endian', utf16(text, false, true)],
    ['UTF-16 big endian', utf16(text, true, true)],
    ['UTF-16 without a mark', utf16(text, false, false)],
    ['UTF-16 big endian without a mark', utf16(text, true, false)],
  ])('%s', (_, bytes) => {
    expect(pairs(read(bytes, { mapping: QA }))).toEqual([[2, 'Wo ist Käthe?', 'Düsseldorf 🙂']]);
  });

  it('JSONL in UTF-16', () => {
    expect(
      read(utf16('{"text":"ä"}\n{"text":"b"}', false, true), { fileName: 'x.jsonl' }).examples,
    ).toHaveLength(2);
  });

  it('names the line that is in another encoding', async () => {
    const latin = Uint8Array.from('q,a\nWo?,D\xFCsseldorf\n', (char) => char.charCodeAt(0));
    const error = await graftError(() => read(latin, { mapping: QA }), 'data-encoding');
    expect(error.what).toContain('x.csv, line 2,');
    expect(error.remedy).toContain('UTF-8');
    await graftError(() => read(Uint8Array.of(0xff, 0xfe, 0, 0xd8), { mapping: QA }), 'data-encoding');
  });
});

it('anything ends in rows, problems or a GraftError', async () => {
  const file = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ unit: 'binary' }),
    fc
      .array(
        fc.constantFrom('"', ',', '\n', '\r\n', '\t', ';', 'a', 'q,a\n', '{{q}}', ' ', '[', '\uFEFF', '1'),
      )
      .map((parts) => parts.join('')),
    fc.array(fc.string()).map((lines) => `q,a\n${lines.join('\n')}`),
  );
  const mapping = fc.constantFrom(undefined, QA, { text: '{{q}}' }, { prompt: '{{q}}', answer: '{{x}}' });
  await fc.assert(
    fc.asyncProperty(
      file,
      mapping,
      fc.constantFrom(undefined, true, false),
      async (content, columns, header) => {
        await resultOrGraftError(() => {
          const { examples, problems, problemCount } = read(content, { mapping: columns, header });
          const text = typeof content === 'string' ? content : new TextDecoder().decode(content);
          const lines = text.split(/\n|\r/).length;
          for (const { line } of [...examples, ...problems]) expect(line >= 1 && line <= lines).toBe(true);
          expect(problems.length).toBe(problemCount);
        });
      },
    ),
    { numRuns: 3000 },
  );
});

describeShared('real tables', () => {
  it('bank questions, mapped', () => {
    const bytes = new Uint8Array(readFileSync(sharedPath('datasets', 'banking77_train.csv')));
    const { examples, problemCount, format } = readExamples(bytes, {
      fileName: 'banking77_train.csv',
      mapping: { prompt: 'Which category?\n{{text}}', answer: '{{category}}' },
    });
    expect([examples.length, problemCount, format]).toEqual([10_003, 0, 'mapped']);
    expect(examples[0]).toEqual({
      kind: 'completion',
      prompt: 'Which category?\nI am still waiting on my card?',
      completion: 'card_arrival',
      separator: '\n',
      line: 2,
    });
    // The last of the file, whose cells span lines here and there.
    expect(examples.at(-1)?.line).toBeGreaterThan(10_003);
  });

  it('Self-Instruct, whose answers lie in a list', () => {
    const bytes = new Uint8Array(readFileSync(sharedPath('datasets', 'seed_tasks.jsonl')));
    const { examples, problemCount } = readExamples(bytes, {
      fileName: 'seed_tasks.jsonl',
      mapping: { prompt: '{{instruction}}\n{{instances.0.input}}', answer: '{{instances.0.output}}' },
    });
    expect([examples.length, problemCount]).toEqual([175, 0]);
  });
});

describe('wide tables', () => {
  it('are refused with their number if they have too many columns', async () => {
    const wide = `${Array.from({ length: 100_000 }, (_, i) => `c${i}`).join(',')}\n`;
    const error = await graftError(() => read(wide), 'data-many-columns');
    expect(error.what).toContain('100,000 columns; at most 4,096');
  });

  it('number columns of one name without looking at all names for each', () => {
    const names = namesOfHeader(Array.from({ length: 200_000 }, (_, i) => (i === 3 ? 'a (2)' : 'a')));
    expect(names.slice(0, 5)).toEqual(['a', 'a (2)', 'a (3)', 'a (2) (2)', 'a (4)']);
    expect(new Set(names).size).toBe(200_000);
  });
});
