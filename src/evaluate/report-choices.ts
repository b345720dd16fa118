/** Answers that were chosen by likelihood, in the report: a table, and a reliability diagram of each method. */
import { html, table, type Html } from '../html.ts';
import { plural, threeDigits } from '../numbers.ts';
import { nameOf } from './cells.ts';
import { CHOICE_COLUMNS, choiceCells, choiceReport, type ChoiceReport } from './choice-report.ts';
import { DIAGRAM, dotsOf } from './reliability.ts';
import type { Side } from './sides.ts';

export const CHOICES_STYLE = [
  '.diagrams { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); gap: 1rem; padding: 0; margin: 0 0 1.25rem; list-style: none; }',
  '.diagrams svg { display: block; width: 100%; max-width: 17rem; fill: none; stroke: var(--ink); stroke-width: 2; }',
  '.diagrams .tuned { stroke: var(--tuned); } .diagrams .tuned circle { fill: var(--tuned); }',
  '.diagrams text { fill: var(--soft); stroke: none; font-size: 12px; }',
  '.diagrams .frame { stroke: var(--rule); stroke-width: 1; } .diagrams .equal { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 4; }',
].join('\n');

/** Nothing if answers were written. */
export function reportChoices(sides: readonly Side[]): Html | false {
  const chosen = sides.flatMap((side) => {
    const report = choiceReport(side);
    return report ? [{ side, report }] : [];
  });
  return (
    chosen.length > 0 &&
    html`<h2 id="choices">Chosen by likelihood</h2>
      ${table(
        'The likeliest choice is the answer. By length, the log-probability is divided by the characters of the choice. The expected calibration error compares the probability of the answer with the share of right ones, in 15 bins. The Brier score is 0 if the right choice is always certain.',
        [{ heading: 'method' }, ...CHOICE_COLUMNS.map((heading) => ({ heading, isNumber: true }))],
        chosen.map(({ side, report }) => [nameOf(side), ...choiceCells(report)]),
      )}
      <p class="note">
        A dot stands for answers that were about equally sure. On the line they are right as often as their
        probability says. Under it they are too sure.
      </p>
      <ul class="diagrams">
        ${chosen.map(
          ({ side, report }) =>
            html`<li>
              <h3>${nameOf(side)}</h3>
              ${diagram(report, side.subject.adapter !== undefined)}
            </li>`,
        )}
      </ul>`
  );
}

function diagram({ rows, calibrationError, bins }: ChoiceReport, isTuned: boolean): Html {
  const { size, pad, marks } = DIAGRAM;
  const far = pad + size;
  const words = `Reliability diagram of ${plural(rows, 'row')}: calibration error ${threeDigits(calibrationError)}`;
  const box = [0, pad - 26, far + pad, size + pad + 26].join(' ');
  const labels = marks.map(
    ({ at, label }) =>
      html`<text x="${at}" y="${far + 18}" text-anchor="middle">${label}</text>
        <text x="${pad - 6}" y="${far + pad - at + 4}" text-anchor="end">${label}</text>`,
  );
  const dots = dotsOf(bins).map(
    ({ x, y, onLine, radius, words: dot }) =>
      html`<path d="M${x} ${onLine}V${y}" />
        <circle cx="${x}" cy="${y}" r="${radius}"><title>${dot}</title></circle>`,
  );
  const lines = html`<path class="frame" d="M${pad} ${pad}V${far}H${far}" />
    <path class="equal" d="M${pad} ${far}L${far} ${pad}" />`;
  const titles = html`<text x="${far}" y="${far + 34}" text-anchor="end">probability of the answer</text>
    <text x="${pad - 28}" y="${pad - 14}">share that is right</text>`;
  return html`<svg class="${isTuned && 'tuned'}" viewBox="${box}" role="img" aria-label="${words}">
    ${lines}${labels}${titles}${dots}
  </svg>`;
}
