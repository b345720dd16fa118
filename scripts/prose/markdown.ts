/** Passages of Markdown: paragraphs, items, headings and cells, without code, quoted output and names of buttons in quotes. */
import type { Area, Passage } from './passage.ts';
import { UNKNOWN } from './passage.ts';

export function markdownPassages(area: Area, file: string, text: string): Passage[] {
  const passages: Passage[] = [];
  let waiting: { readonly line: number; readonly lines: string[] } | undefined;
  const end = (): void => {
    if (waiting) add(waiting.line, waiting.lines.join(' '));
    waiting = undefined;
  };
  const add = (line: number, raw: string): void => {
    const said = plainText(raw);
    if (/\p{L}/u.test(said)) passages.push({ area, place: `${file}:${line}`, text: said });
  };
  for (const [at, line] of blanked(text).split('\n').entries()) {
    const [, item] = /^\s*(?:[-*] |\d+\. |#{1,6} )(.*)$/.exec(line) ?? [];
    const isCode = waiting === undefined && /^ {4}/.test(line);
    if (line.trim() === '' || /^[><]/.test(line) || isCode) end();
    else if (/^\s*\|/.test(line)) {
      end();
      for (const cell of line.split(/(?<!\\)\|/)) add(at + 1, cell);
    } else if (item !== undefined) {
      end();
      waiting = { line: at + 1, lines: [item] };
      if (/^#/.test(line)) end();
    } else if (waiting) waiting.lines.push(line.trim());
    else waiting = { line: at + 1, lines: [line.trim()] };
  }
  end();
  return passages;
}

/** Without blocks of code and comments; lines keep their numbers. */
const blanked = (text: string): string =>
  text.replaceAll(/^(```|~~~).*?^\1|<!--.*?-->/gms, (block) => block.replaceAll(/[^\n]/g, ''));

function plainText(raw: string): string {
  return raw
    .replaceAll(/`[^`]*`/g, UNKNOWN)
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/“[^”]*”/g, UNKNOWN)
    .replaceAll(/\*\*|(?<!\w)[*_]|[*_](?!\w)|<[^>]*>/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
