/** How the page reads a text file before a person says otherwise. */
import { expect, test } from 'vitest';
import { SPLIT } from '../../../src/app/data/source.ts';
import { usualText } from '../../../src/app/task/usual-text.ts';
import { documentsOf } from '../../../src/data/documents.ts';
import { divideRows } from '../../../src/data/parts.ts';

const paragraphs = (count: number, end = '\n'): string =>
  Array.from({ length: count }, (_, at) => `Paragraph ${at} says something about the garden.`).join(
    end + end,
  );
const fileOf = (text: string, name = 'garden.txt'): { name: string; bytes: Uint8Array<ArrayBuffer> } => ({
  name,
  bytes: new TextEncoder().encode(text),
});

test('a short text of 78 paragraphs has a document for each, and several rows to test on', () => {
  for (const end of ['\n', '\r\n']) {
    const text = usualText(fileOf(paragraphs(78, end)), SPLIT.maxLength);
    expect(text).toEqual({ documents: 'blank' });
  }
  const documents = documentsOf(paragraphs(78), 'blank');
  const made = documents.map(({ line }) => ({
    file: 0,
    line,
    document: `0:${line}`,
    row: { ids: [line], labels: [line], line },
  }));
  const fates = divideRows(made, { validation: SPLIT.validation, test: SPLIT.test, seed: SPLIT.seed });
  expect(fates.filter((fate) => fate === 'test').length).toBeGreaterThanOrEqual(7);
});

test('a text of few paragraphs, a long one and a file of rows are read as usual', () => {
  const long = paragraphs(78).replaceAll('garden', 'garden '.repeat(200));
  for (const file of [
    fileOf(paragraphs(29)),
    fileOf(long),
    fileOf(paragraphs(78), 'garden.csv'),
    fileOf(paragraphs(78).replaceAll('\n\n', '\n')),
  ])
    expect(usualText(file, SPLIT.maxLength)).toBeUndefined();
});
