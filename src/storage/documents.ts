/** The documents of projects: their texts, chunks and vectors. All functions throw as `database` does. */
import { database } from './database.ts';
import { under } from './projects.ts';
import type {
  StoredDocument,
  StoredDocumentIndex,
  StoredDocumentText,
  StoredDocumentVectors,
  UnreadFile,
} from './records.ts';

/** A document with everything that is kept of it. */
export interface KeptDocument {
  readonly document: StoredDocument;
  readonly text: StoredDocumentText;
  /** Missing if no chunk has one. */
  readonly vectors?: StoredDocumentVectors;
}

/** In the order of their files' names, by code units. */
export function listDocuments(projectId: string): Promise<StoredDocument[]> {
  return database((db) => db.getAll('documents', under(projectId)));
}

export function readDocumentIndex(projectId: string): Promise<StoredDocumentIndex | undefined> {
  return database((db) => db.get('document-indexes', projectId));
}

/** Undefined if there is no such document. */
export function readDocument(projectId: string, file: string): Promise<KeptDocument | undefined> {
  const key: [string, string] = [projectId, file];
  return database(async (db) => {
    const transaction = db.transaction(['documents', 'document-texts', 'document-vectors']);
    const [document, text, vectors] = await Promise.all([
      transaction.objectStore('documents').get(key),
      transaction.objectStore('document-texts').get(key),
      transaction.objectStore('document-vectors').get(key),
    ]);
    return document && text && { document, text, ...(vectors && { vectors }) };
  });
}

/** All documents of a project as they are at one time, and the revision of that time. */
export function readDocuments(
  projectId: string,
): Promise<{ readonly revision: string | undefined; readonly documents: readonly KeptDocument[] }> {
  return database(async (db) => {
    const transaction = db.transaction([
      'document-indexes',
      'documents',
      'document-texts',
      'document-vectors',
    ]);
    const range = under(projectId);
    const [index, documents, texts, vectors, keys] = await Promise.all([
      transaction.objectStore('document-indexes').get(projectId),
      transaction.objectStore('documents').getAll(range),
      transaction.objectStore('document-texts').getAll(range),
      transaction.objectStore('document-vectors').getAll(range),
      transaction.objectStore('document-vectors').getAllKeys(range),
    ]);
    const vectorsOf = new Map(keys.map(([, file], at) => [file, vectors[at]]));
    return {
      revision: index?.revision,
      documents: documents.map((document, at) => {
        const own = vectorsOf.get(document.file);
        return { document, text: texts[at], ...(own && { vectors: own }) };
      }),
    };
  });
}

/** @returns false if there is no such project */
export function putDocumentIndex(projectId: string, settings: object): Promise<boolean> {
  return changeDocuments(projectId, async (_, index) => {
    await index.put({ settings });
  });
}

/** Writes which chosen files are not read yet. @returns false if there is no such project */
export function putUnreadFiles(projectId: string, unread: readonly UnreadFile[]): Promise<boolean> {
  return changeDocuments(projectId, async (_, index) => {
    await index.put({ unread });
  });
}

/**
 * Writes documents, and replaces those of the same names.
 *
 * @returns false if there is no such project
 */
export function putDocuments(projectId: string, documents: readonly KeptDocument[]): Promise<boolean> {
  return changeDocuments(projectId, async (stores) => {
    await Promise.all(documents.map((kept) => stores.put(kept)));
  });
}

/**
 * Writes the vectors of documents. A document that was replaced, removed or divided in another way meanwhile keeps what it has.
 *
 * @returns false if there is no such project
 */
export function putDocumentVectors(projectId: string, documents: readonly KeptDocument[]): Promise<boolean> {
  return changeDocuments(projectId, async (stores) => {
    await Promise.all(
      documents.map(async (kept) => {
        const now = await stores.find(kept.document.file);
        const same =
          now?.sha256 === kept.document.sha256 &&
          now.divided === kept.document.divided &&
          now.added === kept.document.added;
        if (same) await stores.put(kept);
      }),
    );
  });
}

/** Removes documents. @returns false if there is no such project */
export function deleteDocuments(projectId: string, files: readonly string[]): Promise<boolean> {
  return changeDocuments(projectId, async (stores) => {
    await Promise.all(files.map((file) => stores.delete(file)));
  });
}

/** The stores of documents in one transaction. */
interface DocumentStores {
  find(file: string): Promise<StoredDocument | undefined>;
  put(kept: KeptDocument): Promise<void>;
  delete(file: string): Promise<void>;
}

interface IndexStore {
  /** Changes what is kept of the index; without settings there is none to change. */
  put(change: Partial<Pick<StoredDocumentIndex, 'settings' | 'unread'>>): Promise<void>;
}

/** One transaction over all that belongs to the documents of a project, with the date of the project and a new revision. */
function changeDocuments(
  projectId: string,
  work: (stores: DocumentStores, index: IndexStore) => Promise<void>,
): Promise<boolean> {
  return database(async (db) => {
    const transaction = db.transaction(
      ['projects', 'document-indexes', 'documents', 'document-texts', 'document-vectors'],
      'readwrite',
    );
    const of = transaction.objectStore.bind(transaction);
    const [projects, indexes] = [of('projects'), of('document-indexes')];
    const [facts, texts, vectors] = [of('documents'), of('document-texts'), of('document-vectors')];
    const project = await projects.get(projectId);
    if (!project) {
      await transaction.done;
      return false;
    }
    const keyOf = (file: string): [string, string] => [projectId, file];
    const before = await indexes.get(projectId);
    await Promise.all([
      projects.put({ ...project, changed: Date.now() }),
      before && indexes.put({ ...before, revision: crypto.randomUUID() }),
    ]);
    await work(
      {
        find: (file) => facts.get(keyOf(file)),
        async put({ document, text, vectors: own }) {
          const key = keyOf(document.file);
          await Promise.all([
            facts.put(document),
            texts.put(text, key),
            own ? vectors.put(own, key) : vectors.delete(key),
          ]);
        },
        async delete(file) {
          const key = keyOf(file);
          await Promise.all([facts.delete(key), texts.delete(key), vectors.delete(key)]);
        },
      },
      {
        async put(change) {
          const { settings = before?.settings, unread = before?.unread ?? [] } = change;
          const revision = crypto.randomUUID();
          if (settings)
            await indexes.put({ projectId, revision, settings, ...(unread.length > 0 && { unread }) });
        },
      },
    );
    await transaction.done;
    return true;
  });
}
