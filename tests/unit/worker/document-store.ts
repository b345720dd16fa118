/** Documents in memory, with the rules of the database: one project, revisions, and vectors only of what did not change. */
import type { KeptDocument } from '../../../src/storage/documents.ts';
import type { StoredDocumentIndex } from '../../../src/storage/records.ts';
import type { DocumentStore } from '../../../src/worker/documents/ports.ts';

export interface MemoryDocuments extends DocumentStore {
  readonly kept: Map<string, KeptDocument>;
}

/** @param projectId the only project that there is */
export function memoryDocuments(projectId: string): MemoryDocuments {
  const kept = new Map<string, KeptDocument>();
  let index: StoredDocumentIndex | undefined;
  let changes = 0;
  const inOrder = (): KeptDocument[] =>
    [...kept.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
  const changed = (asked: string, work: () => void): Promise<boolean> => {
    if (asked !== projectId) return Promise.resolve(false);
    work();
    if (index) index = { ...index, revision: String(++changes) };
    return Promise.resolve(true);
  };
  return {
    kept,
    listDocuments: async () => inOrder().map(({ document }) => document),
    readDocumentIndex: async () => index,
    readDocument: async (_, file) => structuredClone(kept.get(file)),
    readDocuments: async () => ({ revision: index?.revision, documents: structuredClone(inOrder()) }),
    putDocumentIndex: (asked, settings) =>
      changed(
        asked,
        () => (index = { ...index, projectId, revision: '', settings: structuredClone(settings) }),
      ),
    putUnreadFiles: (asked, unread) =>
      changed(asked, () => {
        if (index) index = { ...index, unread: structuredClone(unread) };
      }),
    putDocuments: (asked, documents) =>
      changed(asked, () => {
        for (const one of documents) kept.set(one.document.file, structuredClone(one));
      }),
    putDocumentVectors: (asked, documents) =>
      changed(asked, () => {
        for (const one of documents) {
          const now = kept.get(one.document.file)?.document;
          if (now?.sha256 === one.document.sha256 && now.divided === one.document.divided)
            kept.set(one.document.file, structuredClone(one));
        }
      }),
    deleteDocuments: (asked, files) =>
      changed(asked, () => {
        for (const file of files) kept.delete(file);
      }),
  };
}
