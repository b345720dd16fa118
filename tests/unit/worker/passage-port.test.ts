/** The bundled lesson's documents and questions, as an evaluation on the page asks them. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Example } from '../../../src/data/example.ts';
import { readExamples } from '../../../src/data/formats.ts';
import type { RowSet } from '../../../src/data/row-set.ts';
import { DocumentLibrary } from '../../../src/worker/documents/library.ts';
import { passagePort } from '../../../src/worker/documents/passage-port.ts';
import { unstopped } from '../../../src/worker/stopping.ts';
import { memoryDocuments } from './document-store.ts';
import { openSprig } from './open-sprig.ts';

const read = (name: string): Buffer<ArrayBuffer> =>
  readFileSync(new URL(`../../../public/samples/notes/${name}`, import.meta.url));
const never = (): Promise<never> => Promise.reject(new Error('A search by words needs no encoder'));

test('the lesson’s questions find their notes by words, and the prompt has the form of its rows', async () => {
  const library = new DocumentLibrary({
    store: memoryDocuments('garden'),
    counter: async () => ({ id: 'sprig', tokenizer: (await openSprig()).tokenizer }),
    ...{ encoderFacts: never, openEncoder: never, readPdf: never },
    isKept: async () => false,
    inTurn: (work) => work(),
  });
  const zip = new File([read('documents.zip')], 'documents.zip');
  const { report } = await library.add('garden', [{ path: 'documents.zip', file: zip }], {
    ...{ onProgress: () => undefined, signal: unstopped() },
  });
  expect(report).toMatchObject({ added: 40, bad: [], others: [] });

  const { examples } = readExamples(read('test.jsonl'), { fileName: 'test.jsonl', keepsColumns: true });
  const template = read('prompt.jinja').toString();
  const port = await passagePort(
    {
      library: async () => library,
      search: (project, query, choice) => library.search(project, query, choice),
    },
    { projectId: 'garden', method: 'bm25', top: 2, template },
    { places: examples.map((example) => ({ example })) as unknown as RowSet['places'] },
  );
  const questionOf = (example: Example): string =>
    example.kind === 'messages' ? example.messages[0].content : '';
  const found = await port.find(examples.map(questionOf), new AbortController().signal);
  const recall = examples.flatMap((example, at) => port.recall(example, found[at]) ?? []);
  expect(recall).toHaveLength(54);
  expect(recall.filter((one) => one === 1).length).toBeGreaterThanOrEqual(53);

  const question = 'What is the colour of the snail?';
  const [passages] = await port.find([question], new AbortController().signal);
  const { text } = port.fit(question, passages, { room: 512, tokensOf: (prompt) => prompt.length });
  expect(text).toMatch(/^\[1\] The snail [^\n]*\n\[2\] [^\n]*\nWhat is the colour of the snail\?$/);
  expect(port.recall(examples[0], [])).toBe(0);
});
