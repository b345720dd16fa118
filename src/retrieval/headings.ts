/** Where the headings of a document stand, and the borders that they make between its chunks. */

/** A heading: its first code unit, and the one after its last. */
export interface Heading {
  readonly start: number;
  readonly end: number;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HASHES = /^ {0,3}#{1,6}(?:[ \t]|$)/;
const UNDERLINE = /^ {0,3}(?:=+|-{2,})[ \t]*$/;
/** Lines that no underline makes a heading of: items, quotes, tables, code. */
const NO_TITLE = /^(?:\s*[-*+>|]|\s*\d+[.)]\s|\t| {4})/;

/** The headings of Markdown: lines with # and lines that are underlined, none of them in fenced code. */
export function markdownHeadings(text: string): Heading[] {
  const headings: Heading[] = [];
  let fence: string | undefined;
  /** The start of the line before, if it can be a title. */
  let before: number | undefined;
  let start = 0;
  for (const line of text.split('\n')) {
    const bare = line.replace(/\r$/, '');
    const mark = FENCE.exec(bare)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence) && bare.trim() === mark) fence = undefined;
    } else if (mark !== undefined) fence = mark;
    else if (HASHES.test(bare)) headings.push({ start, end: start + bare.length });
    else if (UNDERLINE.test(bare) && before !== undefined)
      headings.push({ start: before, end: start + bare.length });
    const isTitle =
      fence === undefined &&
      bare.trim() !== '' &&
      !HASHES.test(bare) &&
      !UNDERLINE.test(bare) &&
      !NO_TITLE.test(bare);
    before = isTitle ? start : undefined;
    start += line.length + 1;
  }
  return headings;
}

/** The starts of sections: a heading that directly follows another one stays in its section. */
export function sectionStarts(text: string, headings: readonly Heading[]): number[] {
  return headings.flatMap(({ start }, at) =>
    at > 0 && text.slice(headings[at - 1].end, start).trim() === '' ? [] : [start],
  );
}
