/** Computes the vectors that are missing, some hundred chunks at a time, so that other work gets its turn on the device. */
import type { KeptDocument } from '../../storage/documents.ts';
import { missingProject } from '../projects/projects.ts';
import { chunkTexts } from './divide.ts';
import type { DocumentPorts, IndexWatch } from './ports.ts';
import { sameMaker, vectorsOf, type DocumentSettings } from './settings.ts';

/** Chunks of a turn. */
export const SLICE = 256;
/** Chunks after which a document that is not complete is written. */
const WRITE_AFTER = 4096;

/** A document whose vectors are being computed. */
class Filling {
  readonly texts: readonly string[];
  readonly known: Uint8Array<ArrayBuffer>;
  vectors: Float32Array<ArrayBuffer>;
  /** Vectors that are not written yet. */
  unwritten = 0;

  constructor(
    readonly kept: KeptDocument,
    maker: string,
  ) {
    this.texts = chunkTexts(kept.text);
    const before = kept.document.encoder === maker ? kept.vectors : undefined;
    this.known = before?.known.slice() ?? new Uint8Array(this.texts.length);
    this.vectors = before?.vectors.slice() ?? new Float32Array(0);
  }

  get missing(): number[] {
    return Array.from(this.known.keys()).filter((at) => this.known[at] === 0);
  }

  get done(): number {
    return this.known.reduce((sum, each) => sum + each, 0);
  }

  set(at: number, vector: Float32Array): void {
    if (this.vectors.length === 0) this.vectors = new Float32Array(this.texts.length * vector.length);
    this.vectors.set(vector, at * vector.length);
    this.known[at] = 1;
    this.unwritten++;
  }

  written(maker: string): KeptDocument {
    const { kept, known, vectors } = this;
    return {
      ...kept,
      document: { ...kept.document, encoder: maker, vectors: this.done },
      vectors: { vectors, known },
    };
  }
}

/**
 * How far the vectors of a slice are. The longest texts come first, so that the number of texts says less than their length.
 *
 * @param hear gets the done part of the slice, in texts
 */
export function withinSlice(texts: readonly string[], hear: (done: number) => void): (texts: number) => void {
  const lengths = texts.map(({ length }) => length).sort((a, b) => b - a);
  const all = lengths.reduce((sum, length) => sum + length, 0);
  return (done) => {
    const part = lengths.slice(0, done).reduce((sum, length) => sum + length, 0);
    hear((part / all) * texts.length);
  };
}

/**
 * What is complete is written, however it ends.
 *
 * @throws GraftError `project-missing`, `worker-training`, `model-missing`, `documents-encoder`, `engine-…`, `storage-…`; the signal's reason
 */
export async function embedMissing(
  projectId: string,
  settings: DocumentSettings,
  ports: DocumentPorts,
  { onProgress, signal }: IndexWatch,
): Promise<void> {
  const { encoder } = settings;
  if (!encoder) return;
  const { maker } = encoder;
  const waiting = (await ports.store.listDocuments(projectId)).filter(
    (document) => vectorsOf(document, settings) < document.chunks,
  );
  const total = waiting.reduce((sum, each) => sum + each.chunks - vectorsOf(each, settings), 0);
  if (total === 0) return;
  let done = 0;
  let pending: { readonly of: Filling; readonly at: number }[] = [];
  const open = new Set<Filling>();
  const write = async (all: boolean): Promise<void> => {
    const waitingFor = new Set(pending.map(({ of }) => of));
    const due = [...open].filter(
      (each) => each.unwritten > 0 && (all || !waitingFor.has(each) || each.unwritten >= WRITE_AFTER),
    );
    if (due.length > 0) {
      const here = await ports.store.putDocumentVectors(
        projectId,
        due.map((each) => each.written(maker)),
      );
      if (!here) throw missingProject();
    }
    for (const each of due) {
      each.unwritten = 0;
      if (!waitingFor.has(each)) open.delete(each);
    }
  };
  const embedSlice = async (): Promise<void> => {
    const slice = pending.slice(0, SLICE);
    signal.throwIfAborted();
    await ports.inTurn(async () => {
      const model = sameMaker(await ports.openEncoder(encoder, onProgress), encoder);
      const texts = slice.map(({ of, at }) => of.texts[at]);
      const vectors = await model.embed(texts, encoder.passagePrefix, {
        signal,
        onProgress: withinSlice(texts, (some) =>
          onProgress({ what: 'embedding', done: Math.floor(done + some), total }),
        ),
      });
      slice.forEach(({ of, at }, row) =>
        of.set(at, vectors.subarray(row * model.size, (row + 1) * model.size)),
      );
    });
    pending = pending.slice(SLICE);
    done += slice.length;
    onProgress({ what: 'embedding', done, total });
    await write(false);
  };
  onProgress({ what: 'embedding', done, total });
  try {
    for (const { file } of waiting) {
      const kept = await ports.store.readDocument(projectId, file);
      // It was removed in another tab.
      if (!kept) continue;
      const filling = new Filling(kept, maker);
      open.add(filling);
      pending.push(...filling.missing.map((at) => ({ of: filling, at })));
      while (pending.length >= SLICE) await embedSlice();
    }
    if (pending.length > 0) await embedSlice();
  } finally {
    await write(true);
  }
}
