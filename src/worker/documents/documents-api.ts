/** The worker's API for the documents of projects. Its code is loaded with the first call. */
import { fetchFile } from '../../answers.ts';
import { GraftError, messageOf } from '../../errors.ts';
import { characterMaps, CHARACTER_MAPS } from '../../retrieval/character-maps.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import { contentOf } from '../../model/content.ts';
import { blobSource, type FileSet } from '../../weights/bytes.ts';
import { modelFolder } from '../../weights/folder.ts';
import { isOnnxEncoder } from '../../model/onnx-encoder.ts';
import { readPrefixes } from '../../model/pooling.ts';
import type { DocumentsApi, EncoderChoice, EncoderRuntime, FileAt, SearchChoice } from '../api/documents.ts';
import type { DocumentHit } from '../api.ts';
import { foldersWith } from '../../export/adapter-zip.ts';
import { findAdapter, storedAdapterFiles } from '../../storage/adapters.ts';
import { APP } from '../app-address.ts';
import { checkEncoderFiles, type Models } from '../models/models.ts';
import { listener, outcome } from '../outcome.ts';
import type { Runs } from '../runs/runs.ts';
import { unknownAdapter, type Session } from '../session.ts';
import { following, unstopped } from '../stopping.ts';
import type { DocumentLibrary } from './library.ts';
import type { Encoders } from './encoders.ts';
import { startPdfWorker } from './start-pdf-thread.ts';
import type { IndexWatch } from './ports.ts';

interface Rooms {
  readonly models: Models;
  readonly session: Session;
  readonly runs: Runs;
  /** The folder whose tokenizer counts if no model is open. */
  readonly bundled: () => Promise<FileSet>;
}

interface Loaded {
  readonly library: DocumentLibrary;
  readonly encoders: Encoders;
}

/** The documents of projects, for the worker itself as for the page. */
export class Documents {
  #loaded: Promise<Loaded> | undefined;
  #encoders: Encoders | undefined;

  constructor(private readonly rooms: Rooms) {
    rooms.session.whenLost(() => {
      void this.#loaded?.then(({ library, encoders }) => {
        library.lose();
        encoders.lose();
      });
    });
  }

  async library(): Promise<DocumentLibrary> {
    return (await this.#parts()).library;
  }

  /**
   * The best chunks for a question, best first. Unless the method is `bm25` without a second ranking, it is to be called in a turn on the device, as
   * `Runs.withDevice` gives it.
   *
   * @param watch of the first search, and of a second ranking
   * @throws the signal's reason; GraftError `worker-no-model`, `rerank-question`, `documents-empty`, `documents-encoder`, `documents-vectors`, `model-missing`, `engine-…`, `storage-…`
   */
  async search(
    projectId: string,
    query: string,
    choice: SearchChoice,
    { onProgress, signal }: IndexWatch,
  ): Promise<{ readonly hits: readonly DocumentHit[]; readonly missing: number }> {
    const library = await this.library();
    const { rerank, top } = choice;
    const watch = { onProgress, signal };
    if (rerank === undefined) return library.search(projectId, query, choice, watch);
    const open = await this.rooms.session.model();
    const wide = { ...choice, top: Math.max(top, rerank) };
    const { hits, missing } = await library.search(projectId, query, wide, watch);
    const [{ questionLikelihoods }, ranking] = await Promise.all([
      import('../../evaluate/question-likelihood.ts'),
      import('../../retrieval/rerank.ts'),
    ]);
    const passages = hits.slice(0, rerank).map(({ text }) => text);
    const [likelihoods] = await questionLikelihoods(open, [{ question: query, passages }], (done, total) => {
      signal.throwIfAborted();
      onProgress({ what: 'comparing', done, total });
    });
    return { hits: ranking.rerank(hits, likelihoods).slice(0, top), missing };
  }

  /** Whether an encoder is on the device. */
  get onDevice(): boolean {
    return this.#encoders?.holds ?? false;
  }

  /** Frees what is on the device. To be called in a turn on it. */
  async release(): Promise<void> {
    if (!this.#loaded) return;
    const { library, encoders } = await this.#loaded;
    library.release();
    await encoders.release();
  }

  #parts(): Promise<Loaded> {
    return (this.#loaded ??= this.#load());
  }

  async #load(): Promise<Loaded> {
    const { models, session, runs, bundled } = this.rooms;
    const [{ DocumentLibrary: Library }, { Encoders: Kept }, { watchedPdfs }, store] = await Promise.all([
      import('./library.ts'),
      import('./encoders.ts'),
      import('../../retrieval/watched-pdfs.ts'),
      import('../../storage/documents.ts'),
    ]);
    const encoders = (this.#encoders = new Kept(
      (name) => models.store.open(name),
      async (id) => {
        const files = await storedAdapterFiles(id);
        if (!files) throw unknownAdapter();
        return files;
      },
      () => session.tunedDevice(),
    ));
    const counterOfBundled = async (): ReturnType<typeof counterOfFiles> => counterOfFiles(await bundled());
    let counter: ReturnType<typeof counterOfFiles> | undefined;
    const library = new Library({
      store,
      readPdf: watchedPdfs(startPdfWorker, characterMaps(fetchMaps)),
      counter: async () => {
        const { opened } = session;
        if (opened) return { id: opened.content, tokenizer: opened.tokenizer };
        return (counter ??= counterOfBundled());
      },
      encoderFacts: (choice) => encoders.facts(choice),
      openEncoder: (choice, onProgress) => encoders.open(choice, onProgress),
      isKept: async ({ name, adapter }) =>
        (await models.store.list()).some((model) => model.name === name) &&
        (adapter === undefined || (await findAdapter(adapter.id)) !== undefined),
      inTurn: (work) => runs.withDevice(work),
    });
    return { library, encoders };
  }
}

/** @throws GraftError `worker-fetch` */
async function fetchMaps(): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await fetchFile(new URL(CHARACTER_MAPS, APP));
  } catch (cause) {
    throw new GraftError(
      'worker-fetch',
      `${CHARACTER_MAPS}, which this PDF needs, could not be fetched: ${messageOf(cause)}.`,
      'Reload the page, and add the file again.',
      { cause },
    );
  }
}

async function counterOfFiles(
  files: FileSet,
): Promise<{ id: string; tokenizer: Awaited<ReturnType<typeof loadTokenizer>> }> {
  const folder = await modelFolder(files);
  return { id: await contentOf(files), tokenizer: await loadTokenizer(folder) };
}

/** The calls of the page for the documents of a project. Each catches what it throws and returns it as a failure. */
export function documentsApi(
  documents: Documents,
  { models, runs }: Pick<Rooms, 'models' | 'runs'>,
): DocumentsApi {
  const listed = async (
    projectId: string,
  ): Promise<{ documents: Awaited<ReturnType<DocumentLibrary['list']>> }> => ({
    documents: await (await documents.library()).list(projectId),
  });
  return {
    listDocuments: (projectId) => outcome(() => listed(projectId)),
    addDocuments: (projectId, files, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const watch = { onProgress: listener(onProgress), signal };
        const done = await (await documents.library()).add(projectId, files, watch);
        return { ...done, ...(await listed(projectId)) };
      }),
    continueDocuments: (projectId, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const watch = { onProgress: listener(onProgress), signal };
        const done = await (await documents.library()).proceed(projectId, watch);
        return { ...done, ...(await listed(projectId)) };
      }),
    removeDocuments: (projectId, files) =>
      outcome(async () => {
        await (await documents.library()).remove(projectId, files);
        return listed(projectId);
      }),
    changeDocuments: (projectId, change) =>
      outcome(async () => {
        await (await documents.library()).change(projectId, change);
        return listed(projectId);
      }),
    leaveUnread: (projectId) =>
      outcome(async () => {
        await (await documents.library()).leaveUnread(projectId);
        return listed(projectId);
      }),
    readDocument: (projectId, file) =>
      outcome(async () => ({ document: await (await documents.library()).read(projectId, file) })),
    chunkTokens: (projectId, chunk) =>
      outcome(async () => ({ tokens: await (await documents.library()).tokens(projectId, chunk) })),
    searchDocuments: (projectId, query, choice, onProgress, signal = unstopped()) =>
      outcome(() => {
        const request = following(
          signal,
          () => new GraftError('worker-aborted', 'The search was stopped.', 'Search again when you like.'),
        );
        const watch = { onProgress: listener(onProgress), signal: request.signal };
        const search = (): ReturnType<Documents['search']> =>
          documents.search(projectId, query, choice, watch);
        return choice.method === 'bm25' && choice.rerank === undefined ? search() : runs.withDevice(search);
      }),
    listEncoders: () =>
      outcome(async () => {
        const { offeredEncoders } = await import('./encoders.ts');
        const encoders = await Promise.all(
          (await models.listEncoders()).map(async ({ name, bytes, licence, source }) => ({
            ...(await wordsOf(models, name)),
            bytes,
            ...(licence !== undefined && { licence }),
            ...(source !== undefined && { source }),
          })),
        );
        return { encoders, offered: offeredEncoders() };
      }),
    addEncoder: (name, files, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const { runnable } = await import('./encoders.ts');
        const folder = await runnable(encoderFolder(name, files));
        const report = listener(onProgress);
        const { source, notKept } = await models.add(name, folder, report, signal, checkEncoderFiles);
        if (notKept) throw new GraftError(notKept.code, notKept.what, notKept.remedy);
        return { encoder: { name: source.name, ...(await readPrefixes(source.files)) } };
      }),
  };
}

/** What a kept encoder's files say of it. A bad file says it when the encoder is opened. */
async function wordsOf(models: Models, name: string): Promise<EncoderChoice & { runtime: EncoderRuntime }> {
  const files = await models.store.open(name);
  const { passagePrefix, questionPrefix } = await readPrefixes(files).catch((error: unknown) => {
    if (error instanceof GraftError) return { passagePrefix: '', questionPrefix: '' };
    throw error;
  });
  return { name, passagePrefix, questionPrefix, runtime: (await isOnnxEncoder(files)) ? 'onnx' : 'graft' };
}

/** The folder with the config.json that is nearest to the top: another one says how tokens are pooled. */
function encoderFolder(name: string, files: readonly FileAt[]): FileSet {
  const [prefix = ''] = foldersWith(
    'config.json',
    files.map(({ path }) => path),
  );
  const inside = new Map(
    files
      .filter(({ path }) => path.startsWith(prefix))
      .map(({ path, file }) => [path.slice(prefix.length), file]),
  );
  return {
    name: name || 'The folder',
    list: () => [...inside.keys()],
    async open(path) {
      const file = inside.get(path);
      return file && blobSource(path, file);
    },
  };
}
