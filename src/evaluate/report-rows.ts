/** The answers of a report, row by row and side by side, with choices that show some of the rows. They need no script: each is a radio button. */
import { Html, html } from '../html.ts';
import { count, plural, threeDigits } from '../numbers.ts';
import { exactMatch } from '../scorers/exact-match.ts';
import { markQuotes } from '../retrieval/cited.ts';
import { nameOf } from './cells.ts';
import type { Flips } from './flips.ts';
import type { Evaluation } from './record.ts';
import { adapter as adapterMethod } from './methods/adapter.ts';
import { sideOf, type Side } from './sides.ts';
import { asTexts, passagesOf } from './report-documents.ts';
import { usualMetric } from './tuned-table.ts';

/** A choice among the rows. */
interface Choice {
  readonly label: string;
  readonly rows: readonly boolean[];
}

/** What each row can be chosen by: what the adapters gained and lost. */
function choicesOf(flips: readonly Flips[], base: Side | undefined): Choice[] {
  const before = base?.right;
  const tuned = flips.filter(({ side }) => side.subject.method === adapterMethod.name);
  if (!before) return [];
  return tuned.flatMap(({ side }): Choice[] => {
    const name = tuned.length > 1 ? `“${nameOf(side)}”` : 'the adapter';
    const where = (right: boolean, wasRight: boolean): boolean[] =>
      before.map((was, at) => was === wasRight && (side.right?.[at] ?? false) === right);
    return [
      { label: `Only ${name} is right`, rows: where(true, false) },
      { label: `Only the base model is right, not ${name}`, rows: where(false, true) },
      ...(tuned.length > 1
        ? []
        : [
            { label: 'Both are right', rows: where(true, true) },
            { label: 'Neither is right', rows: where(false, false) },
          ]),
    ];
  });
}

/** Shows the rows of the chosen button. */
export const rowsStyle = (choices: number): string =>
  [
    '.choices { border: 0; padding: 0; margin: 0 0 1.25rem; display: flex; flex-wrap: wrap; gap: 0.4rem 1.25rem; }',
    '.choices legend { color: var(--soft); padding: 0; margin-bottom: 0.25rem; }',
    '.choices label { display: inline-flex; gap: 0.4rem; align-items: baseline; min-height: 1.75rem; overflow-wrap: anywhere; }',
    '.row { border-top: 1px solid var(--rule); padding: 1rem 0; content-visibility: auto; contain-intrinsic-size: auto 16rem; }',
    '.asked, .answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: 0.6rem; padding: 0; margin: 0 0 0.6rem; list-style: none; }',
    '.asked > *, .answers > * { background: var(--well); padding: 0.6rem 0.75rem; border-radius: 6px; min-width: 0; }',
    '.answers > * { border-left: 4px solid var(--rule); }',
    '.answers > .right { border-left-color: var(--good); } .answers > .wrong { border-left-color: var(--bad); }',
    '.mark { font-weight: 600; } .right .mark { color: var(--good); } .wrong .mark { color: var(--bad); }',
    '.took { margin: 0.4rem 0 0; color: var(--pale); font-size: 0.8rem; }',
    ...Array.from(
      { length: choices },
      (_, at) => `main:has(#show-${at}:checked) .row:not(.of-${at}) { display: none; }`,
    ),
  ].join('\n');

/** @param flips of every method against the base @returns the markup, and how many choices it has */
export function reportAnswers(
  record: Evaluation,
  flips: readonly Flips[],
  base: Side | undefined,
): { readonly body: Html; readonly choices: number } {
  const sides = record.subjects.flatMap(({ failed }, at) =>
    failed === undefined ? [sideOf(record, at)] : [],
  );
  const { items } = record;
  if (items.length === 0 || sides.every(({ answers }) => answers.length === 0))
    return { body: html`<p>No row was answered.</p>`, choices: 0 };
  const isFree = usualMetric(record, sides) !== exactMatch;
  const choices = choicesOf(flips, base);
  const rows = items.map((item, at) => {
    const { row, line, prompt, expected, task } = item;
    const place = [
      `Row ${count((row ?? at) + 1)}`,
      ...(line === undefined ? [] : [`line ${count(line)}`]),
      ...(task === undefined ? [] : [`task ${task}`]),
    ].join(', ');
    const of = new Html(choices.flatMap((choice, i) => (choice.rows[at] ? [` of-${i}`] : [])).join(''));
    return html`<article class="row${of}">
      <h3>${place}</h3>
      <div class="asked">
        <div>
          <h4>Question</h4>
          <pre dir="auto">${prompt}</pre>
        </div>
        ${
          expected !== '' &&
          html`<div>
            <h4>Reference answer</h4>
            <pre dir="auto">${expected}</pre>
          </div>`
        }
      </div>
      <ul class="answers">
        ${sides.flatMap((side) => answerOf(side, at, isFree) ?? [])}
      </ul>
    </article> `;
  });
  const body = html`${
    isFree &&
    items.some(({ expected }) => expected !== '') &&
    html`<p class="note">
      The answers are free text. A mark says whether the words are the wanted ones, not whether the answer is
      good.
    </p> `
  }${
    choices.length > 0 &&
    html`<fieldset class="choices">
      <legend>Rows that are shown</legend>
      <label><input type="radio" name="show" checked /> All ${count(items.length)}</label>
      ${choices.map(
        ({ label, rows: shown }, at) =>
          html`<label
            ><input type="radio" name="show" id="show-${at}" /> ${label}
            (${count(shown.filter(Boolean).length)})</label
          > `,
      )}
    </fieldset> `
  }${rows}`;
  return { body, choices: choices.length };
}

/** Undefined if a method has stopped before the row. */
function answerOf(side: Side, at: number, isFree: boolean): Html | undefined {
  const evidence = side.record.evidence[at][side.at];
  if (!evidence) return undefined;
  const { text, seconds, tokens, truncated, passages } = evidence;
  const shown = passages ? markQuotes(text, asTexts(passages)) : text;
  const right = side.record.items[at].expected === '' ? undefined : side.right?.[at];
  const kind = new Html(right === undefined ? '' : right ? 'right' : isFree ? 'other' : 'wrong');
  const mark = right === undefined ? '' : right ? '✓ right' : isFree ? '≠ other words' : '✗ wrong';
  const reward = side.rewards?.[at];
  const took = [
    ...(reward === undefined ? [] : [`reward ${threeDigits(reward)}`]),
    ...(tokens === undefined ? [] : [plural(tokens, 'token')]),
    ...(seconds === undefined ? [] : [`${threeDigits(seconds)} s`]),
    ...(truncated ? ['cut at the limit of tokens'] : []),
  ].join(' · ');
  return html`<li class="${kind}">
    <h4>${nameOf(side)} ${mark !== '' && html`<span class="mark">${mark}</span>`}</h4>
    <pre dir="auto">${text === '' ? '(an empty answer)' : shown}</pre>
    ${passagesOf(evidence)} ${took !== '' && html`<p class="took">${took}</p>`}
  </li> `;
}
