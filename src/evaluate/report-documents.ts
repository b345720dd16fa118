/** The part of a report about documents: a table, the 2 × 2 of documents and weights as a drawing, and the passages behind an answer. */
import { html, table, type Html } from '../html.ts';
import { plural } from '../numbers.ts';
import { readAnswer } from '../retrieval/cited.ts';
import { GROUNDING_COLUMNS, GROUNDING_WORDS, groundingCells, nameOf } from './cells.ts';
import { CELLS, squaresOf, type CellName, type Square } from './documents-weights.ts';
import { hasPassages, searchInWords } from './grounding.ts';
import type { Evaluation, Evidence } from './record.ts';
import type { Side } from './sides.ts';

export const DOCUMENTS_STYLE = [
  '.square { width: min(100%, 34rem); height: auto; margin: 0 0 1rem; }',
  '.square text { fill: var(--ink); font-size: 14px; }',
  '.square .value { font-size: 26px; font-weight: 600; font-variant-numeric: tabular-nums; }',
  '.square .side { fill: var(--soft); } .square .interval { fill: var(--soft); font-size: 12px; }',
  '.square rect { fill: var(--well); stroke: var(--rule); } .square .bar { fill: var(--base); stroke: none; }',
  '.square .best { stroke: var(--good); stroke-width: 2.5; }',
  '.passages { margin: 0.4rem 0 0; font-size: 0.85rem; color: var(--soft); }',
  '.passages summary { cursor: pointer; } .passages pre { margin: 0.2rem 0 0.6rem; }',
].join('\n');

/** Undefined without a method with passages. */
export function reportDocuments(record: Evaluation, sides: readonly Side[]): Html | undefined {
  if (!hasPassages(record)) return undefined;
  const squares = squaresOf(record);
  return html`<h2 id="documents">Documents and weights</h2>
    ${squares.map(
      (square) =>
        html`${squares.length > 1 && html`<h3>${square.adapter ?? ''}</h3>`}
          <p>${square.sentence}</p>
          ${drawn(square)}`,
    )}
    ${table(
      GROUNDING_WORDS,
      [{ heading: 'method' }, ...GROUNDING_COLUMNS.map((heading) => ({ heading, isNumber: true }))],
      sides.map((side) => [nameOf(side), ...groundingCells(side)]),
    )}
    <p>${searchInWords(record) ?? ''}</p>`;
}

const TITLES: Readonly<Record<CellName, string>> = {
  neither: 'Base model',
  documents: 'Documents',
  weights: 'Weights',
  both: 'Documents and weights',
};

/** Sizes in units of the drawing. */
const LEFT = 90;
const TOP = 34;
const WIDTH = 220;
const HEIGHT = 104;
const GAP = 10;

/** The columns and rows of the drawing, with their places. */
const SIDES: readonly (readonly [words: string, x: number, y: number])[] = [
  ['without an adapter', LEFT, 20],
  ['with an adapter', LEFT + WIDTH + GAP, 20],
  ['without', 0, TOP + 24],
  ['passages', 0, TOP + 42],
  ['with', 0, TOP + HEIGHT + GAP + 24],
  ['passages', 0, TOP + HEIGHT + GAP + 42],
];

/** Weights from left to right, documents from top to bottom. A bar has the length of a cell's value next to the best one's. */
function drawn({ cells, metric }: Square): Html {
  const values = CELLS.flatMap((name) => cells[name]?.value ?? []);
  const best = Math.max(...values);
  const label = CELLS.map((name) => {
    const cell = cells[name];
    return `${TITLES[name]}: ${cell ? metric.format(cell.value) : 'not measured'}`;
  }).join('. ');
  const column = (at: number): number => LEFT + at * (WIDTH + GAP);
  const row = (at: number): number => TOP + at * (HEIGHT + GAP);
  return html`<svg
    class="square"
    viewBox="0 0 ${LEFT + 2 * WIDTH + GAP} ${TOP + 2 * HEIGHT + GAP}"
    role="img"
    aria-label="${metric.heading}. ${label}."
  >
    ${SIDES.map(([words, x, y]) => html`<text class="side" x="${x}" y="${y}">${words}</text> `)}
    ${CELLS.map((name, at) => {
      const cell = cells[name];
      const [x, y] = [column(at >> 1), row(at & 1)];
      const isBest = cell !== undefined && cell.value === best;
      const length = cell && best > 0 ? ((WIDTH - 2) * cell.value) / best : 0;
      return html`<rect class="${isBest && 'best'}" x="${x}" y="${y}" width="${WIDTH}" height="${HEIGHT}" />
        <rect class="bar" x="${x + 1}" y="${y + HEIGHT - 9}" width="${length.toFixed(1)}" height="8" />
        <text x="${x + 12}" y="${y + 24}">${TITLES[name]}</text>
        <text class="value" x="${x + 12}" y="${y + 58}">${cell ? metric.format(cell.value) : '–'}</text>
        <text class="interval" x="${x + 12}" y="${y + 80}">
          ${
            cell?.interval
              ? `${cell.interval.map(metric.format).join(' to ')} (95%)`
              : cell
                ? ''
                : 'not measured'
          }
        </text> `;
    })}
  </svg>`;
}

export const asTexts = (passages: readonly string[]): { text: string }[] =>
  passages.map((text) => ({ text }));

/** The passages behind an answer, those that it names first marked; undefined for an answer without passages. */
export function passagesOf({ text, passages, sources = [], leftOut = 0 }: Evidence): Html | undefined {
  if (!passages) return undefined;
  const { cited } = readAnswer(text, asTexts(passages));
  const named = cited.length === 0 ? '' : `; the answer names ${cited.join(', ')}`;
  return html`<details class="passages">
    <summary>
      ${plural(passages.length, 'passage')}${named}${leftOut > 0 && `; ${leftOut} left out, without room`}
    </summary>
    ${passages.map((passage, at) => {
      const { file = '', page, start = 0, end = 0 } = sources.at(at) ?? {};
      return html`<p>[${at + 1}] ${file} ${start}–${end}${page !== undefined && `, page ${page}`}</p>
        <pre dir="auto">${passage}</pre> `;
    })}
  </details>`;
}
