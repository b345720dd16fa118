/** The files of the model: held by the page, or in pieces next to it. */
import { fetchFile } from '../answers.ts';
import { GraftError, messageOf } from '../errors.ts';
import type { ChatPageSettings, PageFile } from '../export/chat-page/settings.ts';
import { takeFile } from './embedded.ts';
import { keepPiece, keptPiece } from './offline-pieces.ts';
import type { LoadedFile } from './protocol.ts';

type Piece = PageFile['pieces'][number];

/**
 * Loads all files.
 *
 * @param onProgress bytes of the pieces, done and in all; not called for a page that holds everything
 * @throws GraftError `chat-page-piece`
 */
export async function loadFiles(
  { files }: ChatPageSettings,
  onProgress: (done: number, total: number) => void,
): Promise<LoadedFile[]> {
  const total = files.flatMap(({ pieces }) => pieces).reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const loaded: LoadedFile[] = [];
  for (const file of files) {
    const parts: BlobPart[] = [];
    for (const piece of file.pieces) {
      parts.push(await fetchPiece(piece, (bytes) => onProgress(done + bytes, total)));
      done += piece.size;
    }
    const { folder, name } = file;
    loaded.push({ folder, name, blob: new Blob(file.pieces.length > 0 ? parts : [takeFile(file)]) });
  }
  return loaded;
}

async function fetchPiece({ name, size }: Piece, onBytes: (bytes: number) => void): Promise<Blob> {
  const url = new URL(name, location.href);
  if (url.protocol === 'file:')
    throw new GraftError(
      'chat-page-piece',
      'This page was opened as a file, and a browser lets no such page read the files next to it.',
      'Serve its folder, for example by npx serve, and open the address that it prints.',
    );
  const kept = await keptPiece(url);
  if (kept?.size === size) return kept;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await fetchFile(url, onBytes);
  } catch (cause) {
    throw new GraftError(
      'chat-page-piece',
      `${name} could not be fetched: ${messageOf(cause)}.`,
      'Check the connection and that all files of the folder are on the server, then try again.',
      { cause },
    );
  }
  if (bytes.byteLength !== size)
    throw new GraftError(
      'chat-page-piece',
      `${name} has ${bytes.byteLength} bytes, and the page expects ${size}.`,
      'Copy the folder to the server again, all of it.',
    );
  const blob = new Blob([bytes]);
  await keepPiece(url, blob);
  return blob;
}
