/** A document that a person pastes instead of a file. */
import type { FileAt } from '../../worker/api.ts';

/** How pasted text is read: the ending of its document says so. */
export const PASTED_KINDS = { txt: 'plain text', md: 'Markdown', html: 'HTML' } as const;
export type PastedKind = keyof typeof PASTED_KINDS;

const BEGINS_LIKE_HTML = /^\s*<(?:!doctype html|[a-z][a-z0-9-]*(?:\s[^<>]*)?>)/i;
/** Other spellings of the endings, which a name keeps. */
const ENDINGS: Readonly<Record<PastedKind, RegExp>> = {
  txt: /\.te?xt$/i,
  md: /\.(?:md|markdown)$/i,
  html: /\.x?html?$/i,
};

export const kindOfPasted = (text: string): PastedKind => (BEGINS_LIKE_HTML.test(text) ? 'html' : 'txt');

/** The file of a pasted text, with the ending of its kind unless the name has it. */
export function pastedFile(name: string, kind: PastedKind, text: string): FileAt {
  // The only file of a folder loses that folder, and names that start with a dot are passed over.
  const file = name
    .trim()
    .replaceAll(/[\\/]+/g, '-')
    .replace(/^\.+/, '');
  const path = ENDINGS[kind].test(file) ? file : `${file}.${kind}`;
  return { path, file: new File([text], path) };
}
