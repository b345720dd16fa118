/**
 * The text of a web page as a reader sees it: no scripts, no navigation, no footers. White space collapses except in <pre>. Blocks are apart by an
 * empty line, list items and rows of a table by a line break, cells by a space.
 */
import { Parser } from 'htmlparser2';
import { GraftError } from '../errors.ts';
import type { Heading } from './headings.ts';

/** Elements whose text is no part of the page's. */
const SKIPPED = new Set('head title script style noscript template nav svg button form select'.split(' '));
/** Elements that have no end. */
const VOID = new Set('br hr img input meta link col wbr area base source'.split(' '));
const BLOCKS = new Set(
  'p h1 h2 h3 h4 h5 h6 pre table ul ol dl blockquote div section article header footer main'.split(' '),
);
const HEADINGS = new Set(['h1', 'h2', 'h3', 'h4', 'h5', 'h6']);
const LINES = new Set(['li', 'tr', 'dt', 'dd']);
const CELLS = new Set(['td', 'th']);

/** Classes and ids that documentation generators give to navigation, tables of contents and footers. */
const NAVIGATION = new Set(
  `navheader navfooter nosearch menu mainmenu hide fancy_toc tocscope toc sidebar menu-bar mobile-nav-chapters page-header top-menu toplang bottomlang
  path up quickview comments footer footer-text searchmenu searchdiv menubar-hover-placeholder mdbook-help-container mdbook-help-popup
  sidebar-resize-handle`.split(/\s+/),
);

/** Elements that hold the page itself, whatever their classes are called. */
const WHOLE = new Set(['html', 'body', 'main', 'article']);

/** Elements inside of each other. Real pages have some tens. */
const MAX_DEPTH = 4096;

interface Open {
  readonly name: string;
  readonly skipped: boolean;
}

/** Noncharacters around a heading while a page is read. No text may have them. */
const [HEADING, HEADING_END] = ['\ufdd0', '\ufdd1'];
const MARKS = /[\ufdd0\ufdd1]/g;
const EMPTY_HEADING = /\ufdd0\s*\ufdd1/g;

interface HtmlText {
  readonly text: string;
  /** Where its headings stand in the text. */
  readonly headings: readonly Heading[];
}

/**
 * The visible text of HTML. Broken HTML is read as browsers read it. Scripts are not run, nothing is fetched.
 *
 * @throws GraftError `document-depth`
 */
export function htmlText(html: string): HtmlText {
  const pieces: string[] = [];
  const open: Open[] = [];
  let skipping = 0;
  let verbatim = 0;
  let headed = 0;
  const edge = (name: string): void => {
    if (skipping > 0) return;
    if (BLOCKS.has(name)) pieces.push('\n\n');
    else if (LINES.has(name)) pieces.push('\n');
    else if (CELLS.has(name)) pieces.push(' ');
  };
  const parser = new Parser({
    onopentag(name, attributes) {
      if (name === 'br') pieces.push('\n');
      const skipped =
        !VOID.has(name) && (SKIPPED.has(name) || (!WHOLE.has(name) && isNavigation(attributes)));
      if (open.push({ name, skipped }) > MAX_DEPTH)
        throw new GraftError(
          'document-depth',
          `The page has more than ${MAX_DEPTH} elements inside of each other.`,
          'Save its text as a .txt file.',
        );
      if (skipped) skipping++;
      if (name === 'pre') verbatim++;
      edge(name);
      if (skipping === 0 && HEADINGS.has(name) && ++headed === 1) pieces.push(HEADING);
    },
    // Called for each element that opened, in order; implied for one without an end tag.
    onclosetag(name, implied) {
      if (skipping === 0 && HEADINGS.has(name) && --headed === 0) pieces.push(HEADING_END);
      if (open.pop()?.skipped) skipping--;
      if (name === 'pre') verbatim--;
      // The item, row or cell that follows makes the border itself.
      if (!(implied && (LINES.has(name) || CELLS.has(name)))) edge(name);
    },
    ontext(read) {
      const text = read.replaceAll(MARKS, '');
      if (skipping === 0) pieces.push(verbatim > 0 ? text : text.replaceAll(/[ \t\r\n\f\u00a0]+/g, ' '));
    },
  });
  parser.end(html);
  return withoutMarks(tidied(withMarksAtWords(pieces.join(''))));
}

function isNavigation({ class: classes = '', id = '' }: Readonly<Record<string, string>>): boolean {
  return NAVIGATION.has(id) || classes.split(/\s+/).some((name) => NAVIGATION.has(name));
}

/** At most one empty line in a row, and no space at the ends of lines. */
function tidied(text: string): string {
  const lines = text
    .replaceAll('\u00a0', ' ')
    .split('\n')
    .map((line) => line.replace(/[ \t]+$/, '').replace(/^ (?=\S)/, ''));
  const kept = lines.filter((line, at) => line !== '' || lines[at - 1] !== '');
  return `${kept.join('\n').trim()}\n`;
}

/** Marks stand directly at what is not white space, so that they change none of it. A heading without text has none. */
const withMarksAtWords = (marked: string): string =>
  marked
    .replaceAll(EMPTY_HEADING, (between) => between.slice(1, -1))
    .replaceAll(/\ufdd0(\s+)/g, `$1${HEADING}`)
    .replaceAll(/(?<!\s)(\s+)\ufdd1/g, `${HEADING_END}$1`);

/** The text without the marks of headings, and where they stood. */
function withoutMarks(marked: string): HtmlText {
  const headings: Heading[] = [];
  let [text, done, start] = ['', 0, 0];
  for (const { 0: mark, index } of marked.matchAll(MARKS)) {
    text += marked.slice(done, index);
    done = index + 1;
    if (mark === HEADING) start = text.length;
    else headings.push({ start, end: text.length });
  }
  return { text: text + marked.slice(done), headings };
}
