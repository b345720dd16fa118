import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ExampleReader, readExamples, type ReadResult } from '../../../src/data/formats.ts';
import { linesOf } from '../../../src/data/lines.ts';
import { inspectHead } from '../../../src/data/sheet.ts';
import { GraftError } from '../../../src/errors.ts';
import { describeShared, sharedPath } from '../../shared.ts';
import { graftError } from '../expect-graft-error.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (content: Uint8Array | string, fileName = 'x.jsonl'): ReadResult =>
  readExamples(content, { fileName });
const rows = (...values: unknown[]): string => values.map((value) => JSON.stringify(value)).join('\n');

/** The code of the error that a file is refused with, or its format. */
function formatOrRefusal(content: string, fileName: string): string {
  const reader = new ExampleReader(bytes(content), { fileName });
  try {
    for (const _ of reader.read());
    if (reader.unmapped) throw reader.unmapped;
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    return error.code;
  }
  return reader.result().format;
}

/** The one reason of a file with one bad row. */
function reasonOf(row: unknown): string {
  const { problems, examples } = read(rows(row));
  expect(examples).toEqual([]);
  expect(problems).toHaveLength(1);
  return problems[0].reason;
}

const USER = { role: 'user', content: 'Hi' };
const ANSWER = { role: 'assistant', content: 'Hello' };

describe('formats of rows', () => {
  it.each<[string, unknown, unknown]>([
    ['messages', { messages: [USER, ANSWER] }, { kind: 'messages', messages: [USER, ANSWER] }],
    [
      'messages',
      {
        messages: [
          {
            role: 'developer',
            content: [
              { type: 'text', text: 'Be ' },
              { type: 'text', text: 'brief' },
            ],
          },
          USER,
          ANSWER,
        ],
      },
      { kind: 'messages', messages: [{ role: 'system', content: 'Be brief' }, USER, ANSWER] },
    ],
    [
      'messages',
      { messages: [USER, { ...ANSWER, weight: 0 }, USER, { ...ANSWER, weight: 1 }] },
      { kind: 'messages', messages: [USER, { ...ANSWER, supervised: false }, USER, ANSWER] },
    ],
    [
      'sharegpt',
      {
        conversations: [
          { from: 'human', value: 'Hi' },
          { from: 'gpt', value: 'Hello' },
        ],
      },
      { kind: 'messages', messages: [USER, ANSWER] },
    ],
    [
      'sharegpt',
      {
        system: 'Be brief',
        conversations: [
          { from: 'user', value: 'Hi' },
          { from: 'assistant', value: 'Hello' },
        ],
      },
      { kind: 'messages', messages: [{ role: 'system', content: 'Be brief' }, USER, ANSWER] },
    ],
    ['sharegpt', { conversations: [USER, ANSWER] }, { kind: 'messages', messages: [USER, ANSWER] }],
    [
      'alpaca',
      { instruction: 'Add', input: '1 2', output: '3' },
      { kind: 'completion', prompt: 'Add\n1 2', completion: '3', separator: '\n' },
    ],
    [
      'alpaca',
      { instruction: 'Say hi', input: '', output: 'hi' },
      { kind: 'completion', prompt: 'Say hi', completion: 'hi', separator: '\n' },
    ],
    [
      'alpaca',
      { instruction: 'Say hi', output: 'hi', text: 'ignored' },
      { kind: 'completion', prompt: 'Say hi', completion: 'hi', separator: '\n' },
    ],
    ['completion', { prompt: 'a', completion: ' b' }, { kind: 'completion', prompt: 'a', completion: ' b' }],
    [
      'completion',
      { prompt: [USER, ANSWER, USER], completion: [ANSWER] },
      { kind: 'messages', messages: [USER, { ...ANSWER, supervised: false }, USER, ANSWER] },
    ],
    [
      'completion',
      { prompt: [USER], completion: ANSWER.content },
      { kind: 'messages', messages: [USER, ANSWER] },
    ],
    ['text', { text: 'Once' }, { kind: 'text', text: 'Once' }],
    [
      'tokens',
      { ids: [1, 2, 3], labels: [-100, 2, 3] },
      { kind: 'tokens', ids: [1, 2, 3], labels: [-100, 2, 3] },
    ],
    ['tokens', { input_ids: [1, 2] }, { kind: 'tokens', ids: [1, 2], labels: [1, 2] }],
  ])('%s: %j', (format, row, example) => {
    expect(read(rows(row))).toEqual({
      examples: [{ ...(example as object), line: 1 }],
      problems: [],
      problemCount: 0,
      numbering: 'line',
      left: [],
      unused: [],
      format,
    });
  });

  it.each<[unknown, string]>([
    [{ messages: 'Hi' }, 'messages is "Hi"'],
    [{ messages: [] }, 'messages is empty'],
    [{ messages: [USER, { ...ANSWER, weight: 0 }] }, "no assistant's message"],
    [{ messages: [USER, { role: 'assistant', content: ' ' }] }, "no assistant's message"],
    [{ messages: [USER, { role: 'tool', content: 7 }, ANSWER] }, 'messages[1].content is 7'],
    [{ messages: [{ ...USER, tool_calls: [{ name: 'x' }] }, ANSWER] }, 'only the assistant calls tools'],
    [{ messages: [USER, { role: 'robot', content: 'x' }] }, 'the role "robot"'],
    [{ messages: [USER, { role: 'assistant' }] }, 'messages[1].content is missing'],
    [{ messages: [USER, { role: 'assistant', content: null }] }, 'messages[1].content is null'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }, ANSWER] },
      'messages[0].content[0] has the type "image_url"',
    ],
    [{ messages: [USER, 7] }, 'messages[1] is 7'],
    [{ conversations: [{ from: 'cat', value: 'x' }] }, 'conversations[0] is from "cat"'],
    [{ conversations: [{ from: 'human' }] }, 'conversations[0].value is missing'],
    [{ conversations: {} }, 'conversations is an object'],
    [{ instruction: ' ', output: 'x' }, 'instruction is empty'],
    [{ instruction: 'x', output: '' }, 'output is empty'],
    [{ instruction: 'x', input: 7, output: 'x' }, 'input is 7'],
    [{ prompt: 'x', completion: '' }, 'completion is empty'],
    [{ prompt: 1, completion: 'x' }, 'prompt is 1'],
    [{ prompt: [USER], completion: ' ' }, 'completion is empty'],
    [{ prompt: 'x', completion: [ANSWER] }, 'prompt is "x"'],
    [{ text: ['x'] }, 'text is a list'],
    [{ ids: [1, 2], labels: [1] }, '2 ids and 1 labels'],
    [{ ids: [1, 2], labels: [-100, 3] }, 'labels[1] is 3'],
    [{ ids: [1, -1], labels: [1, -1] }, 'ids[1] is -1'],
    [{ ids: [1.5] }, 'ids[0] is 1.5'],
    [{ ids: [] }, 'ids is empty'],
    [{ question: 'x', answer: 'y' }, 'no known fields (it has question, answer)'],
    [{}, 'it has none'],
    [[1], 'not an object'],
    ['x', 'not an object'],
    [null, 'not an object'],
  ])('says what is wrong with %j', (row, reason) => {
    expect(reasonOf(row)).toContain(reason);
  });
});

describe('JSONL', () => {
  it('keeps good rows and lists bad ones by line', () => {
    const file = [
      '{"text":"a"}',
      '',
      '{"text":',
      '{"text":"b"}\r',
      '   ',
      '{"text":NaN}',
      '{"text":"\\ud800"}',
      '{"text":"🙂"}',
    ].join('\n');
    for (const content of [file, bytes(file), bytes('\uFEFF' + file), '\uFEFF' + file]) {
      const { examples, problems, problemCount } = read(content);
      expect(examples.map((example) => [example.line, example.kind === 'text' && example.text])).toEqual([
        [1, 'a'],
        [4, 'b'],
        [8, '🙂'],
      ]);
      expect(problems.map(({ line }) => line)).toEqual([3, 6, 7]);
      expect(problems[1].reason).toContain('NaN is not a value that JSON has');
      expect(problems[2].reason).toContain('half a character');
      expect(problemCount).toBe(3);
    }
  });

  it('accepts LF and CR LF as line ends', () => {
    const file = 'a\r\n\nb\rc\n\r\nd';
    for (const content of [file, bytes(file)]) {
      expect([...linesOf(content)].map(({ number, text }) => [number, text])).toEqual([
        [1, 'a'],
        [2, ''],
        [3, 'b\rc'],
        [4, ''],
        [5, 'd'],
      ]);
    }
  });

  it('names the line that is not UTF-8', () => {
    const content = bytes('{"text":"a"}\n{"text":"##"}\n{"text":"b"}\n');
    content[content.indexOf(0x23)] = 0xff;
    const { examples, problems } = read(content);
    expect(examples).toHaveLength(2);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ line: 2, reason: expect.stringContaining('UTF-8') as string });
  });

  it('survives deep nesting and huge lines', () => {
    const { problems } = read(
      `{"text":${'['.repeat(1_000_000)}\n{"text":"${'x'.repeat(17 * 2 ** 20)}"}\n{"text":"ok"}`,
    );
    expect(
      problems.map(({ line, reason }) => [
        line,
        reason.includes('levels deep') || reason.includes('at most'),
      ]),
    ).toEqual([
      [1, true],
      [2, true],
    ]);
  });

  it('lists a thousand problems and counts the rest', () => {
    const { problems, problemCount } = read('{\n'.repeat(1500));
    expect([problems.length, problemCount]).toEqual([1000, 1500]);
  });

  it.each([
    ['text', 'text'],
    ['text,source', 'text'],
    ['id,text,url,meta', 'text'],
    ['text,made,split', 'text'],
    ['text,label,source', undefined],
    ['text,category', undefined],
    ['text,summary', undefined],
    ['prompt,text', undefined],
    ['prompt,completion,text', 'completion'],
    ['instruction,output,source', 'alpaca'],
  ])('gives the columns %s the format that a table gets: %s', (columns, format) => {
    const names = columns.split(',');
    const line = rows(Object.fromEntries(names.map((name) => [name, 'of words'])));
    const table = `${columns}\n${names.map(() => 'of words').join(',')}\n`;
    for (const [content, name] of [
      [line, 'x.jsonl'],
      [table, 'x.csv'],
    ] as const) {
      expect(inspectHead(bytes(content), name, {})?.format, name).toBe(format);
      expect(formatOrRefusal(content, name), name).toBe(format ?? 'data-columns');
    }
  });

  it('reads the texts of a corpus, whatever other fields its rows have', () => {
    const { format, examples } = read(
      rows(
        { id: '1', url: 'u', title: 'Amber', text: 'Amber is resin.' },
        { text: 'b', dump: 'CC', file_path: 's3', language_score: 0.9, token_count: 12 },
      ),
    );
    expect([format, examples.length]).toEqual(['text', 2]);
  });

  it('names the columns next to a text among whole texts, and takes empty ones for missing', () => {
    const { format, problems } = read(rows({ text: 'a', label: null }, { text: 'b', label: 3, url: 'c' }));
    expect([format, problems.map(({ reason }) => reason)]).toEqual([
      'text',
      [
        'it has a text next to label: say which column is the answer, or that the text is all that is learned',
      ],
    ]);
  });

  it('reports mixed formats', () => {
    expect(read(rows({ text: 'a' }, { prompt: 'a', completion: 'b' })).format).toBe('mixed');
    expect(read(rows({})).format).toBe('none');
  });

  it('knows a JSONL file by its first line', () => {
    for (const name of ['x.json', 'x', 'x.dat'])
      expect(read(rows({ text: 'a' }, { text: 'b' }), name).examples).toHaveLength(2);
  });
});

describe('JSON', () => {
  const text = (values: string[]): object[] => values.map((value) => ({ kind: 'text', text: value }));

  it.each([
    ['a list', '[{"text":"a"},{"text":"b"}]'],
    ['a list with a comma too many', '[{"text":"a"},\n{"text":"b"},]'],
    [
      'an object with a list',
      '{"version": 1, "x": {"data": [0]}, "s": "a]}\\"", "data": [{"text":"a"},{"text":"b"}], "more": 1}',
    ],
    ['the same over lines', '{\n "train": [\n {"text":"a"},\n {"text":"b"}\n ]\n}'],
    ['space around', '\n\n [ {"text":"a"} , {"text":"b"} ] \n'],
  ])('%s', (_, file) => {
    for (const name of ['x.json', 'x']) expect(read(file, name).examples).toMatchObject(text(['a', 'b']));
  });

  it('one object is one row', () => {
    expect(read('{\n"text":\n"a"}', 'x.json').examples).toEqual([{ kind: 'text', text: 'a', line: 1 }]);
  });

  it('lists bad rows with their lines', () => {
    const { examples, problems } = read(
      '[\n{"text":"a"},\n{"text":1},\n{"text":"b" "c"},\n\n{\n"text":"d"}, NaN, null\n]',
      'x.json',
    );
    expect(examples.map(({ line }) => line)).toEqual([2, 6]);
    expect(problems.map(({ line }) => line)).toEqual([3, 4, 7, 7]);
  });

  it('counts rows that share a line, in place of lines', () => {
    const { examples, problems, numbering } = read(
      '[{"text":"a"}, {"text":1},{"text":"b"},\n{"x":1}]',
      'x.json',
    );
    expect(numbering).toBe('row');
    expect(examples.map(({ line }) => line)).toEqual([1, 3]);
    expect(problems.map(({ line }) => line)).toEqual([2, 4]);
    expect(read('[{"text":"a"}]', 'x.json').numbering).toBe('line');
    expect(read('[\n{"text":"a"},\n{"text":"b"}]', 'x.json').numbering).toBe('line');
    expect(read('{"text":"a"}\n{"text":"b"}', 'x.jsonl').numbering).toBe('line');
  });

  it('names lists of rows that it ignores', () => {
    const row = '{"text":"a"}';
    const file = `{"dev": [${row},${row}], "tags": ["x", 1], "train": [${row}], "test": [${row}], "data": [${row}]}`;
    const { examples, left } = read(file, 'x.json');
    expect(examples).toHaveLength(1);
    expect(left).toEqual([
      { name: 'dev', rows: 2 },
      { name: 'test', rows: 1 },
      { name: 'data', rows: 1 },
    ]);
    expect(read(`{"train": [${row}], "meta": {"test": [${row}]}}`, 'x.json').left).toEqual([]);
  });

  it.each([
    ['[{"text":"a"}', 1],
    ['[\n{"text":"a"},\n{"text":', 3],
    ['[\n{"text":"a', 2],
    ['[{"text":"a"}] x', 1],
    ['[{"text":"a"}}', 1],
    ['nothing', 1],
    ['', 0],
  ])('says where a broken file breaks: %j', async (file, line) => {
    const error = await graftError(() => read(file, 'x.json'), file === '' ? 'data-empty' : 'json-syntax');
    expect(error.what).toContain('x.json');
    if (line) expect(error.what).toContain(`line ${line}`);
  });
});

describe('plain text', () => {
  it('is one document', () => {
    expect(read('Once\r\nupon a time\n\nThe end', 'x.txt')).toEqual({
      examples: [{ kind: 'text', text: 'Once\nupon a time\n\nThe end', document: true, line: 1 }],
      problems: [],
      problemCount: 0,
      numbering: 'line',
      left: [],
      unused: [],
      format: 'document',
    });
    expect(read('[not json', 'x.md').format).toBe('document');
    expect(read(' \n ', 'x.txt').examples).toEqual([]);
  });

  it('refuses other encodings', async () => {
    await graftError(() => read(Uint8Array.of(0xff, 0xfe, 0, 0xd8), 'x.txt'), 'data-encoding');
    await graftError(() => read(Uint8Array.of(0x41, 0xff), 'x.txt'), 'data-encoding');
    const gzip = await graftError(
      () => read(new Uint8Array(gzipSync('{"prompt":"a","completion":"b"}')), 'x.jsonl'),
      'data-binary',
    );
    expect(gzip.what).toBe('x.jsonl is compressed with gzip, not text.');
    await graftError(
      () => read(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 1, 2, 3, 0, 9), 'x.csv'),
      'data-binary',
    );
    await graftError(() => read('\ud800', 'x.txt'), 'data-text');
  });
});

describeShared('real files', () => {
  const shared = (...parts: string[]): ReadResult =>
    read(new Uint8Array(readFileSync(sharedPath(...parts))), parts[parts.length - 1]);

  it('the reference data', () => {
    const chats = shared('reference', 'SmolLM2-135M-Instruct', 'messages.jsonl');
    expect([chats.format, chats.problemCount]).toEqual(['messages', 0]);
    const pairs = shared('reference', 'stories260K', 'data.jsonl');
    expect([pairs.format, pairs.examples.length, pairs.problemCount]).toEqual(['completion', 40, 0]);
    for (const folder of ['stories260K', 'SmolLM2-135M-Instruct']) {
      const ready = shared('reference', folder, 'rows.jsonl');
      expect([ready.format, ready.problemCount]).toEqual(['tokens', 0]);
    }
  });

  it('Self-Instruct as Alpaca gives the prompts of the reference', () => {
    const tasks = readFileSync(sharedPath('datasets', 'seed_tasks.jsonl'), 'utf8').trim().split('\n');
    const alpaca = tasks.map((line) => {
      const { instruction, instances } = JSON.parse(line) as {
        instruction: string;
        instances: { input: string; output: string }[];
      };
      return { instruction, ...instances[0] };
    });
    const { examples, format } = read(JSON.stringify(alpaca), 'tasks.json');
    expect(format).toBe('alpaca');
    const made = new Set(
      examples.map((example) =>
        example.kind === 'completion' ? example.prompt + (example.separator ?? '') : '',
      ),
    );
    const reference = shared('reference', 'stories260K', 'data.jsonl').examples;
    const found = reference.filter((example) => example.kind === 'completion' && made.has(example.prompt));
    expect(found.length).toBeGreaterThan(30);
  });

  it('a file with other fields has a problem on every line', () => {
    const { examples, problemCount, problems } = shared('datasets', 'gsm8k_test.jsonl');
    expect([examples.length, problemCount, problems.length]).toEqual([0, 1319, 1000]);
    expect(problems[0].reason).toContain('question, answer');
  });
});

it('refuses a row in which a key stands twice, and names it', () => {
  const rows = [
    '{"prompt": "a", "completion": "b", "prompt": "c"}',
    '{"prompt": "a", "completion": "b: \\"prompt\\": c", "x": [{"y": 1}, {"y": 2}]}',
    '{"messages": [{"role": "user", "content": "a", "content" : "b"}, {"role": "assistant", "content": "c"}]}',
    '{"completion": "b", "pr\\u006fmpt": "a", "prompt": "c"}',
  ];
  for (const text of [rows.join('\n'), `[${rows.join(',\n')}]`]) {
    const { examples, problems } = read(text, text.startsWith('[') ? 'x.json' : 'x.jsonl');
    expect(examples.map(({ line }) => line)).toEqual([2]);
    expect(problems).toEqual([
      { line: 1, reason: 'the key "prompt" stands twice in one object' },
      { line: 3, reason: 'the key "content" stands twice in one object' },
      { line: 4, reason: 'the key "prompt" stands twice in one object' },
    ]);
  }
});

it.each([
  ['{"prompt":"a, b},","completion":"b"},', 'a comma follows the row'],
  ["{'prompt': 'a', 'completion': 'b'}", 'single quotes, but JSON has double ones'],
  ['{"prompt":"a", completion: "b"}', 'the key completion has no double quotes'],
])('says why %s is not JSON', (line, reason) => {
  expect(read(line).problems).toEqual([{ line: 1, reason: `not valid JSON: ${reason}` }]);
});

it('finds the reason of a bad row of a million escaped quotes', () => {
  const { problems } = read(`{"a": None${'\\"'.repeat(1_000_000)}`);
  expect(problems).toEqual([{ line: 1, reason: 'not valid JSON: None is not a value that JSON has' }]);
});
