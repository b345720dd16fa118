/** Pages as files: HTML that is escaped unless it was made here, and a document that loads nothing and runs nothing. */
import { printable } from './printable.ts';

/** Markup that is safe to put into a page. */
export class Html {
  constructor(readonly text: string) {}

  /** The markup as it is. */
  toString(): string {
    return this.text;
  }
}

/** What {@link html} takes between its pieces of markup: text is escaped, lists are joined, and nothing is made of what is missing. */
export type Piece = Html | string | number | undefined | false | readonly Piece[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** Text for a page, in an element or in an attribute in quotes. Characters that would change the text around them are shown by their numbers. */
export const escapeHtml = (text: string): string =>
  printable(text)
    .replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign])
    // Half of a character: no file can hold it.
    .replaceAll(/\p{Surrogate}/gu, '\ufffd');

function textOf(piece: Piece): string {
  if (piece === undefined || piece === false) return '';
  if (piece instanceof Html) return piece.text;
  if (typeof piece === 'string') return escapeHtml(piece);
  return typeof piece === 'number' ? String(piece) : piece.map(textOf).join('');
}

/** A tag for templates: what stands between the markup is escaped. */
export const html = (markup: TemplateStringsArray, ...pieces: readonly Piece[]): Html =>
  new Html(markup.map((text, at) => text + (at < pieces.length ? textOf(pieces[at]) : '')).join(''));

interface Column {
  readonly heading: string;
  /** Whether its cells are numbers, which are aligned at the right. */
  readonly isNumber?: boolean;
}

/** A table with its caption in a box that scrolls sideways. The first cell of each line is its heading. */
export const table = (
  caption: string,
  columns: readonly Column[],
  lines: readonly (readonly Piece[])[],
): Html => {
  const side = (at: number): Html => new Html(columns[at].isNumber ? ' class="number"' : '');
  return html`<div class="wide" role="region" aria-label="${caption}" tabindex="0">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map(({ heading }, at) => html`<th scope="col" ${side(at)}>${heading}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${lines.map(
          ([first, ...rest]) =>
            html`<tr>
              <th scope="row">${first}</th>
              ${rest.map((cell, at) => html`<td${side(at + 1)}>${cell}</td>`)}
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `;
};

/** Names and what they stand for. */
export const facts = (entries: readonly (readonly [name: string, value: Piece])[]): Html =>
  html`<dl class="facts">
    ${entries.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd> `,
    )}
  </dl> `;

/** Nothing may be loaded or run: what a page quotes may be hostile. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** Colours as on the page of the studio (app/ui/tokens.css). */
const STYLE = [
  ':root { color-scheme: light dark;',
  '--paper: #fbfaf6; --well: #f2f0ea; --rule: #dbd8d0; --ink: #26221b; --soft: #524d44; --pale: #6a655b;',
  '--base: #33669a; --tuned: #b04a12; --good: #1f6b4c; --bad: #b3261e; --focus: #1f6b4c; }',
  '@media (prefers-color-scheme: dark) { :root {',
  '--paper: #14130f; --well: #1d1c17; --rule: #34322c; --ink: #ecebe4; --soft: #bdbab0; --pale: #a09c92;',
  '--base: #8fb8e0; --tuned: #f0a070; --good: #7fd4ac; --bad: #ff9d92; --focus: #7fd4ac; } }',
  '* { box-sizing: border-box; }',
  'body { margin: 0; background: var(--paper); color: var(--ink);',
  "font: 1rem/1.5 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, sans-serif; }",
  'main { max-width: 76rem; margin: 0 auto; padding: 1.5rem clamp(0.75rem, 3vw, 2.5rem) 4rem; }',
  'h1, h2, h3, h4 { line-height: 1.2; text-wrap: balance; overflow-wrap: anywhere; }',
  'h1 { font-size: 1.3rem; margin: 0 0 0.25rem; }',
  'h2 { font-size: 1.2rem; margin: 2.5rem 0 0.75rem; padding-top: 1rem; border-top: 1px solid var(--rule); }',
  'h3 { font-size: 1rem; margin: 0 0 0.5rem; }',
  'h4 { font-size: 0.85rem; margin: 0 0 0.25rem; color: var(--soft); }',
  'p { max-width: 46rem; margin: 0 0 0.75rem; overflow-wrap: anywhere; }',
  '.note { color: var(--soft); font-size: 0.9rem; }',
  '/* A caption is as wide as the box, not as the table that scrolls in it. */',
  '.wide { container-type: inline-size; overflow-x: auto; margin: 0 0 1.5rem; }',
  'table { border-collapse: collapse; font-size: 0.9rem; min-width: 100%; }',
  'caption { text-align: left; color: var(--soft); padding: 0 0 0.5rem; max-width: min(46rem, 100cqw); position: sticky; left: 0; }',
  'th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.9rem 0.35rem 0; border-top: 1px solid var(--rule); }',
  'thead th { border-top: 0; color: var(--soft); font-weight: 600; vertical-align: bottom; }',
  'tbody th { font-weight: 600; min-width: 9rem; max-width: 18rem; overflow-wrap: anywhere; }',
  '.number { text-align: right; font-variant-numeric: tabular-nums; }',
  'td.number { white-space: nowrap; }',
  '.interval { display: block; color: var(--pale); font-size: 0.8rem; }',
  'dl.facts { display: grid; grid-template-columns: minmax(7rem, max-content) minmax(0, 1fr); gap: 0.25rem 1.25rem; margin: 0 0 1.5rem; }',
  'dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }',
  "pre, code { font: 0.85rem/1.5 ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, monospace; }",
  'pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }',
  ':focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }',
  '@media (max-width: 30rem) { dl.facts { grid-template-columns: minmax(0, 1fr); } dd { margin-bottom: 0.5rem; } }',
  '@media print { .wide { container-type: normal; overflow: visible; } }',
].join('\n');

/** A whole document. @param style in addition to that of every page */
export const page = (title: string, body: Html, style = ''): string =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>${title}</title>
        <style>
          ${new Html(STYLE + style)}
        </style>
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html> `.text;
