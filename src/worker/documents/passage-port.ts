/** The project's documents for an evaluation: passages for its questions, the prompt, and whether the right ones were found. */
import type { RowSet } from '../../data/row-set.ts';
import { GraftError } from '../../errors.ts';
import type { PassagePort } from '../../evaluate/methods/method.ts';
import { plural } from '../../numbers.ts';
import { fitPassages, PassagesTemplate } from '../../retrieval/passages-prompt.ts';
import { Relevance, withoutEnding } from '../../retrieval/relevance.ts';
import { passagesOfRow, recallOf } from '../../retrieval/row-passages.ts';
import type { SearchChoice } from '../api/documents.ts';
import type { AskedDocuments } from '../api/evaluation.ts';
import type { DocumentLibrary } from './library.ts';
import type { IndexWatch } from './ports.ts';

/** `Documents`, as far as an evaluation needs them. */
interface SearchedDocuments {
  search(
    projectId: string,
    query: string,
    choice: SearchChoice,
    watch: IndexWatch,
  ): ReturnType<DocumentLibrary['search']>;
  library(): Promise<Pick<DocumentLibrary, 'list' | 'read'>>;
}

/** @throws GraftError `passages-template`, `documents-vectors`, `project-missing`, `storage-…` */
export async function passagePort(
  documents: SearchedDocuments,
  { projectId, method, top, rerank, template }: AskedDocuments,
  rows: Pick<RowSet, 'places'> | undefined,
): Promise<PassagePort> {
  const choice = { method, top, ...(rerank !== undefined && { rerank }) };
  const prompt = new PassagesTemplate(template);
  const library = await documents.library();
  const { documents: kept, waiting } = await library.list(projectId);
  if (method !== 'bm25' && waiting.chunks > 0)
    throw new GraftError(
      'documents-vectors',
      `${plural(waiting.chunks, 'chunk has', 'chunks have')} no vector yet, so that only a part of the documents would be measured.`,
      'Press Continue under Documents first, or search by words.',
    );
  const named = new Set<string>();
  for (const { example } of rows?.places ?? [])
    for (const { doc } of passagesOfRow(example?.columns)) named.add(doc);
  const isNamed = (file: string): boolean =>
    [file, withoutEnding(file), withoutEnding(file.slice(file.lastIndexOf('/') + 1))].some((name) =>
      named.has(name),
    );
  // Only documents that a row names are read whole.
  const chunks: { id: string; file: string; start: number; end: number; text: string }[] = [];
  for (const { file } of kept.filter((document) => isNamed(document.file))) {
    const view = await library.read(projectId, file);
    for (const { id, start, end } of view.chunks)
      chunks.push({ id, file, start, end, text: view.text.slice(start, end) });
  }
  const relevance = new Relevance(chunks);
  return {
    about: {
      ...{ index: 'the documents of the project', search: method, top },
      ...(rerank !== undefined && { reranked: rerank }),
    },
    async find(questions, signal) {
      const found = [];
      for (const question of questions) {
        signal.throwIfAborted();
        const watch = { onProgress: () => undefined, signal };
        found.push((await documents.search(projectId, question, choice, watch)).hits);
      }
      return found;
    },
    fit: (question, found, window) => fitPassages(prompt, question, found, window),
    recall(example, sources) {
      const given = new Set(sources.map(({ id }) => id));
      return recallOf(passagesOfRow(example?.columns), relevance, (chunk) => given.has(chunks[chunk].id));
    },
  };
}
