/** Puts a chat page together: the program's HTML with settings and files in it, and pieces of large files next to it. */
import { escapeHtml } from '../../html.ts';
import type { ByteSource } from '../../weights/bytes.ts';
import { wholeFile } from '../formats/format.ts';
import { fileNameOf, type FolderFile } from '../folder-sink.ts';
import {
  CONNECTED,
  FILE_ATTRIBUTE,
  chatPageKey,
  OFFLINE,
  PLACEHOLDERS,
  SETTINGS_ID,
  type ChatPageSettings,
  type PageFile,
} from './settings.ts';

export const PAGE = 'index.html';

/** A page with at most so many bytes of weights is one file. */
export const MAX_SINGLE_BYTES = 32 * 2 ** 20;
/** Static hosts refuse larger files: one of the common ones from 25 MiB. */
const PIECE_BYTES = 20 * 2 ** 20;
/** Bytes that are encoded at once: whole groups of three, so that the texts can be joined. */
const ENCODED_BYTES = 3 * 2 ** 18;
/** Arguments of a call. */
const CALL_BYTES = 2 ** 13;

/** What a chat page runs, made by `bin/chat-page.mjs`. */
export interface ChatPageProgram {
  readonly html: string;
  /** The script that shows a page in several files without a network. */
  readonly offline: string;
}

/** A file of the model or of the adapter, with its bytes. */
export interface SourceFile extends Pick<PageFile, 'folder' | 'name'> {
  readonly source: ByteSource;
  /** Whether it may be cut into pieces next to the page. */
  readonly isWeights: boolean;
}

/**
 * The files of a chat page.
 *
 * @param id names this content: browsers keep pieces under their names
 * @param maxSingleBytes with more bytes of weights it is a page with pieces next to it
 */
export function chatPageFiles(
  program: ChatPageProgram,
  settings: Omit<ChatPageSettings, 'files'>,
  sources: readonly SourceFile[],
  id: string,
  maxSingleBytes = MAX_SINGLE_BYTES,
): FolderFile[] {
  const weights = sources.filter(({ isWeights }) => isWeights);
  const bytes = weights.reduce((sum, { source }) => sum + source.size, 0);
  const isSingle = bytes <= maxSingleBytes;
  const entries = sources.map((file) => ({
    ...file,
    pieces: isSingle || !file.isWeights ? [] : piecesOf(file, id),
  }));
  const files = entries.map(({ folder, name, source, pieces }) => ({
    ...{ folder, name, size: source.size },
    pieces: pieces.map(({ name, size }) => ({ name, size })),
  }));
  const page = pageFile(
    program.html,
    { ...settings, files },
    entries.filter(({ pieces }) => pieces.length === 0),
    isSingle,
  );
  if (isSingle) return [page];
  return [
    ...entries.flatMap(({ pieces }) => pieces),
    wholeFile(OFFLINE, new TextEncoder().encode(program.offline)),
    page,
  ];
}

function piecesOf({ name, source }: SourceFile, id: string): FolderFile[] {
  const count = Math.ceil(source.size / PIECE_BYTES);
  return Array.from({ length: count }, (_, at) => {
    const start = at * PIECE_BYTES;
    const end = Math.min(start + PIECE_BYTES, source.size);
    return {
      name: `${fileNameOf(name)}.${id}.${String(at + 1).padStart(3, '0')}.bin`,
      size: end - start,
      async *read() {
        yield await source.read(start, end);
      },
    };
  });
}

function pageFile(
  html: string,
  settings: ChatPageSettings,
  inside: readonly SourceFile[],
  isSingle: boolean,
): FolderFile {
  const filled = html
    .replace(PLACEHOLDERS.connect, () => (isSingle ? PLACEHOLDERS.connect : CONNECTED))
    .replace(PLACEHOLDERS.title, () => `<title>${escapeHtml(settings.name)}</title>`);
  const [before, after] = halves(filled, PLACEHOLDERS.data);
  const head = `${before}<script type="application/json" id="${SETTINGS_ID}">${scriptText(settings)}</script>`;
  const opening = (file: SourceFile): string =>
    `\n<script type="application/octet-stream" ${FILE_ATTRIBUTE}="${escapeHtml(chatPageKey(file))}">`;
  const closing = '</script>';
  const encoder = new TextEncoder();
  const texts = [head, ...inside.flatMap((file) => [opening(file), closing]), after];
  return {
    name: PAGE,
    size:
      texts.reduce((sum, text) => sum + encoder.encode(text).byteLength, 0) +
      inside.reduce((sum, { source }) => sum + 4 * Math.ceil(source.size / 3), 0),
    async *read() {
      yield encoder.encode(head);
      for (const file of inside) {
        const { source } = file;
        yield encoder.encode(opening(file));
        for (let start = 0; start < source.size; start += ENCODED_BYTES)
          yield encoder.encode(
            base64(await source.read(start, Math.min(start + ENCODED_BYTES, source.size))),
          );
        yield encoder.encode(closing);
      }
      yield encoder.encode(after);
    },
  };
}

function halves(text: string, place: string): [before: string, after: string] {
  const at = text.indexOf(place);
  if (at < 0) throw new Error(`The chat page has no place for ${place}`);
  return [text.slice(0, at), text.slice(at + place.length)];
}

/** JSON that cannot end the element it is in. */
const scriptText = (value: unknown): string => JSON.stringify(value).replaceAll('<', String.raw`\u003c`);

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let start = 0; start < bytes.length; start += CALL_BYTES)
    text += String.fromCharCode(...bytes.subarray(start, start + CALL_BYTES));
  return btoa(text);
}
