/** Broken and odd files of rows, as people have them: what each is, and its bytes. docs/reference/odd-files.md shows how each is read. */
import { zipSync } from 'fflate';
import { writeParquet } from '../../src/data/write-parquet.ts';

export interface OddFile {
  /** Its ending decides how it is read. */
  readonly name: string;
  /** A few words for the page. */
  readonly what: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const latin1 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));
const joined = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((part) => [...part]));
/** Two bytes for each unit, the lower one first. */
const utf16 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(
    Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)).flatMap((unit) => [
      unit & 255,
      unit >> 8,
    ]),
  );

const ROW = '{"prompt":"a","completion":"b"}';
const rows = (...more: readonly string[]): string => [ROW, ...more, ROW].join('\n');
const turns = (...list: readonly (readonly [role: string, content: unknown])[]): string =>
  JSON.stringify({ messages: list.map(([role, content]) => ({ role, content })) });
const zip = (files: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(zipSync(files));

const parquet = joined(
  ...writeParquet([
    { prompt: 'a', completion: 'b' },
    { prompt: 'c', completion: 'd' },
  ]),
);

const TEXTS: Readonly<Record<string, readonly (readonly [name: string, what: string, text: string])[]>> = {
  'JSON Lines': [
    ['empty.jsonl', 'nothing', ''],
    ['blank.jsonl', 'blank lines only', '\n\n  \n'],
    ['between.jsonl', 'blank lines between rows', rows('', '')],
    ['cut.jsonl', 'ends in the middle of a row', `${ROW}\n{"prompt":"a","compl`],
    ['half.jsonl', 'a line that is not JSON', rows('{prompt: a}')],
    ['comma.jsonl', 'a comma after each row', `${ROW},\n${ROW},`],
    ['number.jsonl', 'a line that is a number', rows('7')],
    ['list.jsonl', 'a line that is a list', rows('["a","b"]')],
    ['null.jsonl', 'a line that is null', rows('null')],
    ['missing.jsonl', 'a row without its answer', rows('{"prompt":"a"}')],
    ['typed.jsonl', 'an answer that is a number', rows('{"prompt":"a","completion":4}')],
    ['nothing.jsonl', 'an answer that is null', rows('{"prompt":"a","completion":null}')],
    ['bare.jsonl', 'an empty answer', rows('{"prompt":"a","completion":""}')],
    ['twice.jsonl', 'a key that stands twice in a row', rows('{"prompt":"a","prompt":"c","completion":"b"}')],
    ['nan.jsonl', 'NaN, as Python writes it', rows('{"prompt":"a","completion":"b","score":NaN}')],
    ['single.jsonl', 'single quotes, as Python prints it', rows("{'prompt': 'a', 'completion': 'b'}")],
    [
      'deep.jsonl',
      'a thousand lists inside each other',
      rows(`{"prompt":"a","completion":${'['.repeat(1000)}${']'.repeat(1000)}}`),
    ],
    ['surrogate.jsonl', 'half a character', rows('{"prompt":"a","completion":"\\ud800"}')],
    [
      'mixed.jsonl',
      'rows of several formats',
      [ROW, turns(['user', 'a'], ['assistant', 'b']), '{"instruction":"a","output":"b"}'].join('\n'),
    ],
    ['columns.jsonl', 'columns that no format knows', '{"mail":"a","team":"b"}\n{"mail":"c","team":"d"}'],
    ['windows.jsonl', 'Windows line ends', `${ROW}\r\n${ROW}\r\n`],
  ],
  JSON: [
    ['rows.json', 'a list of rows', `[${ROW},${ROW}]`],
    ['data.json', 'an object that holds the list', `{"version":1,"data":[${ROW}]}`],
    ['open.json', 'a list that does not end', `[${ROW},${ROW}`],
    ['trailing.json', 'a comma before the end', `[${ROW},]`],
    ['after.json', 'text after the end', `[${ROW}] and more`],
    ['none.json', 'an empty list', '[]'],
    ['settings.json', 'an object without a list', '{"learning_rate":0.001}'],
    ['lines.json', 'JSON Lines with another ending', `${ROW}\n${ROW}`],
    ['word.json', 'a text', '"hello"'],
  ],
  Conversations: [
    ['system-only.jsonl', 'a system message only', rows(turns(['system', 'a']))],
    ['no-answer.jsonl', 'a question without an answer', rows(turns(['user', 'a']))],
    ['role.jsonl', 'a role that no template knows', rows(turns(['narrator', 'a'], ['assistant', 'b']))],
    ['no-turns.jsonl', 'no messages', rows('{"messages":[]}')],
    ['content.jsonl', 'a message whose content is a number', rows(turns(['user', 4], ['assistant', 'b']))],
    [
      'image.jsonl',
      'a message with a picture',
      rows(turns(['user', [{ type: 'image_url', image_url: { url: 'x' } }]], ['assistant', 'b'])),
    ],
    [
      'sharegpt.jsonl',
      'turns of ShareGPT',
      '{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}',
    ],
    [
      'tool.jsonl',
      'a tool answer without its call',
      rows(turns(['user', 'a'], ['tool', 'x'], ['assistant', 'b'])),
    ],
  ],
  Pairs: [
    [
      'same.jsonl',
      'chosen and rejected are one answer',
      '{"prompt":"a","chosen":"b","rejected":"b"}\n{"prompt":"a","chosen":"b","rejected":"c"}',
    ],
    [
      'one-side.jsonl',
      'no rejected answer',
      '{"prompt":"a","chosen":"b"}\n{"prompt":"a","chosen":"b","rejected":"c"}',
    ],
    [
      'vote.jsonl',
      'a vote that is a word',
      '{"prompt":"a","completion":"b","label":"good"}\n{"prompt":"a","completion":"b","label":true}',
    ],
  ],
  Tables: [
    ['header.csv', 'a header and no rows', 'prompt,completion\n'],
    ['quote.csv', 'a quote that does not end', 'prompt,completion\n"a,b\nc,d\n'],
    ['short.csv', 'a row with a missing cell', 'prompt,completion\na,b\nc\n'],
    ['long.csv', 'a row with a cell too many', 'prompt,completion\na,b\nc,d,e\n'],
    ['names.csv', 'two columns of one name', 'prompt,prompt\na,b\n'],
    ['semicolons.csv', 'semicolons, as Excel writes in many countries', 'prompt;completion\na;b\nc;d\n'],
    ['other.csv', 'columns that no format knows', 'mail,team\na,b\n'],
    ['lines.csv', 'line ends inside a cell', 'prompt,completion\n"a\nb","c"\n'],
    ['tabs.tsv', 'tabs', 'prompt\tcompletion\na\tb\n'],
    ['excel.csv', 'a line that says the separator', 'sep=;\nprompt;completion\na;b\n'],
    [
      'page.html',
      'a web page with a table',
      '<p>x</p><table><tr><th>prompt</th><th>completion</th></tr><tr><td>a</td><td>b</td></tr></table>',
    ],
    ['no-table.html', 'a web page without a table', '<p>Nothing here</p>'],
  ],
  Text: [
    ['notes.txt', 'one document', 'A line.\nAnother line.\n'],
    ['empty.txt', 'spaces only', '   \n'],
  ],
};

const BYTES: Readonly<
  Record<string, readonly (readonly [name: string, what: string, bytes: Uint8Array<ArrayBuffer>])[]>
> = {
  Encodings: [
    ['mark.jsonl', 'a byte order mark', joined(Uint8Array.of(0xef, 0xbb, 0xbf), utf8(ROW))],
    ['utf16.jsonl', 'UTF-16, as some editors save', joined(Uint8Array.of(0xff, 0xfe), utf16(`${ROW}\n`))],
    [
      'utf16.csv',
      '“Unicode text” of a spreadsheet',
      joined(Uint8Array.of(0xff, 0xfe), utf16('prompt,completion\na,b\n')),
    ],
    [
      'latin.jsonl',
      'a row in Latin-1',
      joined(utf8(`${ROW}\n`), latin1('{"prompt":"caf\u00e9","completion":"b"}\n'), utf8(ROW)),
    ],
    ['latin.csv', 'a table in Latin-1', latin1('prompt,completion\ncaf\u00e9,b\n')],
    ['zeros.jsonl', 'zero bytes', new Uint8Array(64)],
    [
      'picture.jsonl',
      'a PNG picture under another name',
      Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13),
    ],
    ['packed.jsonl', 'a gzip file under another name', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3)],
    ['sheet.csv', 'an Excel workbook under another name', zip({ 'xl/workbook.xml': utf8('<workbook/>') })],
  ],
  Parquet: [
    ['rows.parquet', 'two rows', parquet],
    ['cut.parquet', 'the first half of a file', parquet.slice(0, parquet.length >> 1)],
    [
      'tail.parquet',
      'the length of its metadata is wrong',
      joined(parquet.slice(0, -8), Uint8Array.of(255, 255, 255, 127), parquet.slice(-4)),
    ],
    ['text.parquet', 'JSON Lines with another ending', utf8(`${ROW}\n`)],
    ['locked.parquet', 'an encrypted footer', joined(parquet.slice(0, -4), utf8('PARE'))],
  ],
  Zips: [
    [
      'rows.zip',
      'rows, a table and a picture',
      zip({ 'a/rows.jsonl': utf8(ROW), 'b.csv': utf8('prompt,completion\na,b\n'), 'c.png': utf8('x') }),
    ],
    ['pictures.zip', 'no file of rows', zip({ 'a.png': utf8('x'), 'b.png': utf8('x') })],
    ['cut.zip', 'the first half of a zip', zip({ 'rows.jsonl': utf8(ROW.repeat(50)) }).slice(0, 60)],
    [
      'slip.zip',
      'a name that leads out of its folder',
      zip({ '../rows.jsonl': utf8(ROW), 'rows.jsonl': utf8(ROW) }),
    ],
    [
      'bomb.zip',
      'a hundred megabytes of one letter',
      zip({ 'rows.jsonl': new Uint8Array(100 * 2 ** 20).fill(97), 'good.jsonl': utf8(ROW) }),
    ],
  ],
};

/** By their kind. */
export const oddFiles = (): Readonly<Record<string, readonly OddFile[]>> => ({
  ...Object.fromEntries(
    Object.entries(TEXTS).map(([kind, files]) => [
      kind,
      files.map(([name, what, text]) => ({ name, what, bytes: utf8(text) })),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(BYTES).map(([kind, files]) => [
      kind,
      files.map(([name, what, bytes]) => ({ name, what, bytes })),
    ]),
  ),
});
