/** The passages of `graft evaluate --index`: found by the search of the index, and compared with those that rows name. */
import { basename, resolve } from 'node:path';
import type { PassagePort } from '../evaluate/methods/method.ts';
import { fitPassages, type PassageSource } from '../retrieval/passages-prompt.ts';
import { Relevance } from '../retrieval/relevance.ts';
import { passagesOfRow, recallOf } from '../retrieval/row-passages.ts';
import type { EvaluateFlags } from './evaluate-flags.ts';
import type { Output } from './output.ts';
import { Passages } from './passages.ts';
import type { LoadedModel } from './session.ts';

/** @returns undefined without `--index` @throws GraftError as `Passages.open` */
export async function openPassages(
  flags: EvaluateFlags,
  output: Output,
  session: LoadedModel,
): Promise<(PassagePort & { close(): void }) | undefined> {
  if (!flags.isGiven('index')) return undefined;
  const passages = await Passages.open(flags, output, session);
  if (!passages) return undefined;
  const { template, top, method, chunks, reranker } = passages;
  const relevance = new Relevance(chunks);
  const places = new Map(chunks.map(({ id }, at) => [id, at]));
  return {
    about: {
      ...{ index: basename(resolve(flags.required('index'))), search: method, top },
      ...(reranker && { reranked: reranker.top }),
      ...(reranker && reranker.name !== session.files.name && { rerankedBy: reranker.name }),
    },
    find: (questions, signal) => passages.find(questions, signal),
    fit: (question, found, window) => fitPassages(template, question, found, window),
    recall(example, sources) {
      const given = new Set(sources.map(({ id }: PassageSource) => places.get(id)));
      return recallOf(passagesOfRow(example?.columns), relevance, (chunk) => given.has(chunk));
    },
    close: () => passages.close(),
  };
}
