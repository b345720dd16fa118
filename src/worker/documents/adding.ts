/** Adds files to the documents of a project, and divides documents again if the settings have changed. */
import { GraftError } from '../../errors.ts';
import { byCodeUnits, readDocumentText } from '../../retrieval/read-document.ts';
import type { KeptDocument } from '../../storage/documents.ts';
import type { AddedDocuments, BadDocument, FileAt } from '../api/documents.ts';
import { failureOf } from '../outcome.ts';
import { missingProject } from '../projects/projects.ts';
import { collectDocuments } from './collect.ts';
import { Divider } from './divide.ts';
import { counterOf, type DocumentPorts, type IndexWatch } from './ports.ts';
import { isCurrent, type DocumentSettings } from './settings.ts';

/** Documents of a project, and UTF-16 code units of all their texts. */
export const DOCUMENT_LIMITS = { documents: 10_000, characters: 100 * 2 ** 20 };
/** Code units of texts, and documents, that are written together. */
const WRITE_CHARACTERS = 1 << 20;
const WRITE_DOCUMENTS = 32;
/** Files after which the list of unread ones is written: of 10,000 names it has a megabyte. */
const WRITE_UNREAD = 500;

/** Documents that are written together. */
class Batch {
  #waiting: KeptDocument[] = [];
  #characters = 0;

  constructor(
    private readonly projectId: string,
    private readonly store: DocumentPorts['store'],
  ) {}

  async put(kept: KeptDocument): Promise<void> {
    this.#waiting.push(kept);
    this.#characters += kept.document.characters;
    if (this.#waiting.length >= WRITE_DOCUMENTS || this.#characters >= WRITE_CHARACTERS) await this.flush();
  }

  /** @throws GraftError `project-missing`, `storage-…` */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const written = this.#waiting;
    this.#waiting = [];
    this.#characters = 0;
    if (!(await this.store.putDocuments(this.projectId, written))) throw missingProject();
  }
}

/** Divides documents that are divided otherwise than the settings say. What is complete is written, however it ends. */
export async function chunkAgain(
  projectId: string,
  settings: DocumentSettings,
  ports: DocumentPorts,
  { onProgress, signal }: IndexWatch,
): Promise<void> {
  const stale = (await ports.store.listDocuments(projectId)).filter(
    (document) => !isCurrent(document, settings),
  );
  if (stale.length === 0) return;
  const divider = new Divider(settings, await counterOf(settings, ports));
  const batch = new Batch(projectId, ports.store);
  try {
    for (const [done, { file }] of stale.entries()) {
      signal.throwIfAborted();
      onProgress({ what: 'dividing', done, total: stale.length });
      const before = await ports.store.readDocument(projectId, file);
      if (before) await batch.put(divider.divide(before.document, before.text, before));
    }
  } finally {
    await batch.flush();
  }
}

/** Files that are being added, and what becomes of them. */
export class Adding {
  #added = 0;
  #replaced = 0;
  #same = 0;
  readonly #bad: BadDocument[] = [];
  #others: readonly string[] = [];
  readonly #guessed: string[] = [];
  #unread = 0;

  constructor(
    private readonly projectId: string,
    private readonly settings: DocumentSettings,
    private readonly ports: DocumentPorts,
    private readonly limits: typeof DOCUMENT_LIMITS,
  ) {}

  get report(): AddedDocuments {
    return {
      ...{ added: this.#added, replaced: this.#replaced, same: this.#same },
      bad: [...this.#bad].sort((a, b) => byCodeUnits(a.file, b.file)),
      ...{ others: this.#others, guessed: this.#guessed, unread: this.#unread },
    };
  }

  async add(files: readonly FileAt[], { onProgress, signal }: IndexWatch): Promise<void> {
    const { projectId, settings, ports } = this;
    const { documents, others, bad } = await collectDocuments(files);
    this.#others = others;
    this.#bad.push(...bad);
    const stored = await ports.store.listDocuments(projectId);
    const earlier = (await ports.store.readDocumentIndex(projectId))?.unread ?? [];
    // Written once, so that every later write changes its revision.
    if (!(await ports.store.putDocumentIndex(projectId, settings))) throw missingProject();
    const known = new Map(stored.map((document) => [document.file, document]));
    const unread = new Map(earlier.map((each) => [each.file, each]));
    for (const { file } of documents) unread.set(file, { file, before: known.get(file)?.sha256 });
    const putUnread = async (): Promise<void> => {
      if (!(await ports.store.putUnreadFiles(projectId, [...unread.values()]))) throw missingProject();
    };
    // Written before the first file is read: a closed page ends without a word.
    await putUnread();
    let characters = stored.reduce((sum, document) => sum + document.characters, 0);
    const divider = new Divider(settings, await counterOf(settings, ports));
    const batch = new Batch(projectId, ports.store);
    try {
      for (const [done, { file, read }] of documents.entries()) {
        signal.throwIfAborted();
        onProgress({ what: 'dividing', done, total: documents.length });
        if (done > 0 && done % WRITE_UNREAD === 0) {
          await batch.flush();
          await putUnread();
        }
        try {
          const bytes = await read();
          const sha256 = await hashOf(bytes);
          const before = known.get(file);
          if (before?.sha256 === sha256) {
            this.#same++;
            unread.delete(file);
            continue;
          }
          if (!before && known.size >= this.limits.documents) throw tooMany(this.limits.documents);
          const size = bytes.length;
          const document = await readDocumentText(file, bytes, (given, name) =>
            ports.readPdf(given, name, signal),
          );
          const more = document.text.length - (before?.characters ?? 0);
          if (characters + more > this.limits.characters) throw tooMuchText(file, this.limits.characters);
          const { guessed } = document;
          const kept = divider.divide(
            { projectId, file, added: Date.now(), sha256, bytes: size, ...(guessed && { guessed }) },
            document,
            before && (await ports.store.readDocument(projectId, file)),
          );
          await batch.put(kept);
          characters += more;
          known.set(file, kept.document);
          if (guessed) this.#guessed.push(file);
          if (before) this.#replaced++;
          else this.#added++;
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof GraftError) || /^(?:storage|project)-/.test(error.code)) throw error;
          this.#bad.push({ file, ...failureOf(error) });
        }
        unread.delete(file);
      }
    } finally {
      this.#unread = documents.filter(({ file }) => unread.has(file)).length;
      await batch.flush();
      await putUnread();
    }
  }
}

const tooMany = (max: number): GraftError =>
  new GraftError(
    'document-count',
    `A project holds at most ${max} documents.`,
    'Remove documents that are not needed, or put texts together.',
  );

const tooMuchText = (file: string, max: number): GraftError =>
  new GraftError(
    'document-count',
    `With ${file} the documents of this project would have more than ${max} characters of text.`,
    'Remove documents that are not needed.',
  );

async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
