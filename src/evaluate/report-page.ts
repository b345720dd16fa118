/** The report of an evaluation as one readable page: the verdict, the methods, what changed in both directions, every answer, and how it was made. */
import { facts, html, page, table, type Html, type Piece } from '../html.ts';
import { count, formatBytes, percent, plural, threeDigits } from '../numbers.ts';
import { specInWords, scorerSpecOf } from '../scorers/chosen.ts';
import type { Scorer } from '../scorers/scorer.ts';
import { blindInWords, blindResult, revealed } from './blind.ts';
import { groupsInWords, testInWords } from './clusters.ts';
import { familiesOf, withFamilies, type SeedGroup } from './seeds.ts';
import { judgedInWords, judgedNames, judgedResult } from './judged.ts';
import { nameOf, REWARD_COLUMNS, rewardCells, scoreCell, seedCell } from './cells.ts';
import { chosenInWords } from './choices-in-words.ts';
import { pInWords } from './chance.ts';
import { metricsOf } from './columns.ts';
import { costOf } from './costs.ts';
import { flipsOf, points, type Flips } from './flips.ts';
import { forgettingSentences, forgettingVerdict } from './forgetting.ts';
import { intervalsOf } from './intervals.ts';
import { CHOICES_STYLE, reportChoices } from './report-choices.ts';
import { reportDocuments, DOCUMENTS_STYLE } from './report-documents.ts';
import type { Evaluation } from './record.ts';
import type { JudgedMethod } from './report.ts';
import { reportAnswers, rowsStyle } from './report-rows.ts';
import { foldRowsInWords, reservedInWords, rowsInWords } from './rows-in-words.ts';
import { successOfRecord } from './success.ts';
import { baseOf, notMeasured, sideOf, type Side } from './sides.ts';

/** How an adapter was made, as far as that was written down. */
export interface MadeAdapter {
  readonly name: string;
  readonly recipe?: Readonly<Record<string, unknown>>;
  /** The version of Graft, the device and the number formats. */
  readonly made?: Readonly<Record<string, string>>;
  readonly steps?: number;
  readonly trainRows?: number;
}

export interface AboutReport {
  readonly metrics: readonly Scorer[];
  /** Undefined if nothing tuned was compared with the base model. */
  readonly judged: JudgedMethod | undefined;
  /** The part of the rows that was asked. */
  readonly part: string;
  readonly command: string;
  readonly adapters: readonly MadeAdapter[];
}

const NONE = '–';
/** Milliseconds to a moment that every clock agrees on. */
const momentOf = (time: number): string =>
  `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** The page. Texts of rows, names and paths are hostile: everything is escaped, and the page can load and run nothing. */
export function reportPage(record: Evaluation, about: AboutReport): string {
  const sides = record.subjects.flatMap(({ failed }, at) =>
    failed === undefined ? [sideOf(record, at)] : [],
  );
  const base = baseOf(record);
  const flips = flipsOf(record);
  const { body: answers, choices } = reportAnswers(record, flips, base);
  const { name } = record.made.model;
  const title = `Evaluation of ${lastOf(name)}`;
  return page(
    title,
    html`<h1>${title}</h1>
      ${verdictOf(record, about)}
      ${methodsOf(sides, about.metrics)}${reportChoices(sides)}${reportDocuments(record, sides)}${flips.length > 0 && base && flipTable(flips, base)}${tookTable(sides)}${forgettingOf(sides)}${blindOf(record)}${byModelOf(record)}${failuresOf(record)}
      <h2 id="answers">Answers</h2>
      ${answers}
      <h2 id="made">How it was made</h2>
      ${madeOf(record, about)}`,
    [STYLE, CHOICES_STYLE, DOCUMENTS_STYLE, rowsStyle(choices)].join('\n'),
  );
}

const STYLE = [
  '.verdict { font-size: clamp(1.25rem, 1rem + 1.4vw, 1.8rem); line-height: 1.3; margin: 1rem 0; text-wrap: pretty; }',
  '.verdict.sober { font-size: 1.1rem; }',
  '.verdict strong { white-space: nowrap; }',
  '.caution { border-left: 4px solid var(--tuned); padding-left: 0.75rem; }',
].join('\n');

/** The last part of a path. */
const lastOf = (path: string): string =>
  path
    .replace(/[/\\]+$/, '')
    .split(/[/\\]/)
    .at(-1) ?? path;

function verdictOf(record: Evaluation, { judged, part }: AboutReport): Html {
  const { items, made } = record;
  const rows =
    items.length === 0
      ? 'No row was asked.'
      : made.folds !== undefined
        ? `${foldRowsInWords(items.length, made.folds)} The runs share training rows, so the interval is somewhat too narrow.`
        : part === 'test'
          ? rowsInWords(items.length, made.draw)
          : `${plural(items.length, 'row')} of ${part === 'all' ? 'the whole file' : `the ${part} part`}.${made.draw?.reserved ? ` ${reservedInWords(made.draw.reserved)}` : ''}`;
  if (!judged)
    return html`<p class="verdict sober">
        No verdict: it compares something tuned with the base model, on test rows that both answered.
      </p>
      ${successOf(record)}
      <p class="note">${rows}</p>`;
  const { before, number, after, how, caution, isSober } = judged.verdict;
  return html`<p class="verdict${isSober && ' sober'}">${before}<strong>${number}</strong>${after}</p>
    ${successOf(record)}
    <p>${how}</p>
    ${caution !== '' && html`<p class="caution">${caution}</p>`}
    <p class="note">${rows}</p>`;
}

/** The answer to the task card. */
function successOf(record: Evaluation): Html | undefined {
  const said = successOfRecord(record);
  return said && html`<p${said.state === 'missed' && html` class="caution"`}>${said.sentence}</p>`;
}

/** A number, and its interval under it. */
function withInterval(cell: string): Piece {
  const [, value, interval] = /^(.*?) (\(.* to .*\))$/.exec(cell) ?? [];
  return interval === undefined ? cell : html`${value} <span class="interval">${interval}</span>`;
}

function methodsOf(sides: readonly Side[], metrics: readonly Scorer[]): Html {
  const hasRewards = sides.some(({ rewards }) => rewards !== undefined);
  const hasGeneral = sides.some(({ subject }) => subject.general !== undefined);
  const hasNoLabel = sides.some(({ subject }) => subject.noLabel !== undefined);
  const record = sides.at(0)?.record;
  const families = record ? familiesOf(record) : [];
  const groups = record && groupsInWords(record);
  const numbers = [
    ...(hasRewards ? REWARD_COLUMNS : []),
    ...metrics.map(({ heading }) => heading),
    ...(hasGeneral ? ['perplexity of general text'] : []),
    ...(hasNoLabel ? ['no label'] : []),
    ...['s per answer', 'tokens per answer', 'tokens per prompt', 'largest share of the window'],
  ];
  return html`<h2 id="methods">Methods</h2>
    ${table(
      `Every method on the same rows, with 95% intervals: ${groups === undefined ? 'Wilson’s if every row has the least or the most, as for a share of rows, else a bootstrap over rows' : `a bootstrap over ${groups}, since rows of a group are not independent`}. Seconds are the time for all answers divided by their number.${families.length > 0 ? ' Several seeds of one recipe are one line: the mean, its interval over the rows, and the range over the seeds.' : ''}`,
      [{ heading: 'method' }, ...numbers.map((heading) => ({ heading, isNumber: true }))],
      withFamilies(sides, families).map((side) => {
        if ('members' in side) {
          const cells = metrics.map((metric) => withInterval(seedCell(metric, side)));
          const before = hasRewards ? REWARD_COLUMNS.map(() => NONE) : [];
          const after = numbers.slice(before.length + cells.length).map(() => NONE);
          return [side.label, ...before, ...cells, ...after];
        }
        const scores = metricsOf(side, metrics);
        const intervals = intervalsOf(side, scores, metrics);
        const { general } = side.subject;
        const cost = costOf(side);
        return [
          nameOf(side),
          ...(hasRewards ? rewardCells(side).map(withInterval) : []),
          ...metrics.map((metric) => withInterval(scoreCell(metric, scores, intervals))),
          ...(hasGeneral ? [general ? threeDigits(general.perplexity) : NONE] : []),
          ...(hasNoLabel ? [side.subject.noLabel === undefined ? NONE : count(side.subject.noLabel)] : []),
          ...[cost.seconds, cost.tokens, cost.promptTokens].map((each) =>
            each === undefined ? NONE : threeDigits(each),
          ),
          cost.window === undefined ? NONE : percent(cost.window),
        ];
      }),
    )}${families.map((family) => seedsOf(family, metrics))}`;
}

/** Each seed of a recipe. */
function seedsOf({ label, members, seeds }: SeedGroup, metrics: readonly Scorer[]): Html {
  return table(
    `The seeds of “${label}”`,
    [
      { heading: 'adapter' },
      ...['seed', ...metrics.map(({ heading }) => heading)].map((heading) => ({ heading, isNumber: true })),
    ],
    members.map((side, at) => [
      nameOf(side),
      String(seeds[at]),
      ...metrics.map((metric) => scoreCell(metric, metricsOf(side, metrics))),
    ]),
  );
}

function flipTable(flips: readonly Flips[], base: Side): Html {
  const groups = groupsInWords(base.record);
  return html`<h2 id="changes">What changes against the base model</h2>
    ${table(
      `Exactly right answers against “${nameOf(base)}”, on the same ${plural(base.answers.length, 'row')}. The difference is in percentage points, with its 95% interval by paired bootstrap${groups === undefined ? '' : ` over ${groups}`}. p is that of the ${testInWords(base.record)}. The last column counts the rows on which such a difference would be seen four times of five.`,
      [
        { heading: 'method' },
        ...[
          'difference',
          'only this right',
          'only base right',
          'both right',
          'neither right',
          'p',
          'rows needed',
        ].map((heading) => ({ heading, isNumber: true })),
      ],
      flips.map(({ side, difference, interval, onlyThis, onlyBase, both, neither, p, rowsNeeded }) => [
        nameOf(side),
        html`${points(difference)}${interval && html` <span class="interval">(${points(interval[0])} to ${points(interval[1])})</span>`}`,
        ...[onlyThis, onlyBase, both, neither].map(count),
        pInWords(p).replace(/^p (= )?/, ''),
        rowsNeeded === undefined ? (difference === 0 ? NONE : '> 2,000') : count(rowsNeeded),
      ]),
    )}`;
}

function tookTable(sides: readonly Side[]): Html | undefined {
  const trained = sides.filter(({ subject }) => subject.took !== undefined);
  return trained.length === 0
    ? undefined
    : table(
        'What training took, from the files of each run. A dash stands for what was not written down.',
        [
          { heading: 'tuned' },
          { heading: 'kind' },
          ...['parameters', 'memory at its peak', 's per step'].map((heading) => ({
            heading,
            isNumber: true,
          })),
        ],
        trained.map((side) => {
          const { kind, took: { parameters, peakBytes, secondsPerStep } = {} } = side.subject;
          return [
            nameOf(side),
            kind ?? NONE,
            parameters === undefined ? NONE : count(parameters),
            peakBytes === undefined ? NONE : formatBytes(peakBytes),
            secondsPerStep === undefined ? NONE : threeDigits(secondsPerStep),
          ];
        }),
      );
}

function forgettingOf(sides: readonly Side[]): Html | undefined {
  const measured = sides.flatMap((side) => {
    const { forgetting } = side.subject;
    const verdict = forgetting && forgettingVerdict(forgetting);
    return verdict ? [{ side, verdict, sentences: forgettingSentences(forgetting) }] : [];
  });
  return measured.length === 0
    ? undefined
    : html`<h2 id="forgetting">What was forgotten</h2>
        ${measured.map(
          ({ side, verdict, sentences }) =>
            html`<h3>${nameOf(side)}</h3>
<p${verdict.isBad && html` class="caution"`}><strong>${verdict.sentence}</strong> ${sentences.join(' ')}</p>
`,
        )}`;
}

function blindOf(record: Evaluation): Html | undefined {
  const judged = revealed(record);
  return judged.length === 0
    ? undefined
    : html`<h2 id="blind">Judged blind</h2>
        <p class="note">A person compared two answers at a time, in random order and without names.</p>
        ${judged.map((judging) => {
          const [one, other] = judging.subjects.map((at) => nameOf(sideOf(record, at)));
          return html`<p>${blindInWords(blindResult(record, judging), [one, other])}</p>`;
        })}`;
}

function byModelOf(record: Evaluation): Html | undefined {
  const { judged = [] } = record;
  return judged.length === 0
    ? undefined
    : html`<h2 id="judged">Judged by a model</h2>
        <p class="note">
          A model compared two answers at a time, in both orders. Only a pair with the same winner in both has
          a winner.
        </p>
        ${judged.map((judging) => {
          const result = judgedResult(record, judging);
          const { headline, evidence } = judgedInWords(
            result,
            judging.model.name,
            judgedNames(record, judging),
          );
          return html`<p><strong>${headline}</strong></p>
            <p>${evidence.join(' ')}</p>
            <details>
              <summary>The prompt of the judge</summary>
              <pre>${judging.prompt}</pre>
            </details>`;
        })}`;
}

function failuresOf(record: Evaluation): Html | undefined {
  const failed = notMeasured(record);
  return failed.length === 0
    ? undefined
    : html`<h2 id="failed">What could not be measured</h2>
        ${facts(failed.map(({ name, reason }) => [name, reason] as const))}`;
}

function madeOf({ made, items }: Evaluation, { command, part, adapters, metrics }: AboutReport): Html {
  const { draw } = made;
  return html`${facts([
    ['Command', html`<code>${command}</code>`],
    ...(made.task && made.task.goal !== '' ? ([['Task', made.task.goal]] as const) : []),
    ['Model', made.model.name],
    ...(made.data ? ([['Rows from', made.data.name]] as const) : []),
    [
      'Part',
      `${made.folds === undefined ? part : `${made.folds} folds`}: ${plural(items.length, 'row')}${draw ? `, ${count(draw.of)} ask for something` : ''}`,
    ],
    ...(draw ? ([['Seed', String(draw.seed)]] as const) : []),
    ...(made.choices
      ? ([['Answers', chosenInWords(made.choices)]] as const)
      : made.newTokens === undefined
        ? []
        : ([['Answers', `at most ${plural(made.newTokens, 'token')}, greedy`]] as const)),
    ...metrics.flatMap((metric) => {
      const spec = scorerSpecOf(metric);
      return spec ? ([[`Metric “${metric.name}”`, html`<code>${specInWords(spec)}</code>`]] as const) : [];
    }),
    ...(made.graft === undefined ? [] : ([['Graft', made.graft]] as const)),
    [
      'Measured',
      `${momentOf(made.time)}${made.seconds === undefined ? '' : `, in ${threeDigits(made.seconds)} s`}`,
    ],
  ])}${adapters.map(
    (adapter) =>
      html`<h3>${adapter.name}</h3>
        ${
          adapter.recipe || adapter.made || adapter.steps !== undefined
            ? madeOfAdapter(adapter)
            : html`<p class="note">Its folder does not say how it was made.</p>`
        }`,
  )}`;
}

function madeOfAdapter({ recipe, made = {}, steps, trainRows }: Omit<MadeAdapter, 'name'>): Html {
  return html`${facts([
    ...(steps === undefined ? [] : ([['Kept after', plural(steps, 'step')]] as const)),
    ...(trainRows === undefined ? [] : ([['Training rows', count(trainRows)]] as const)),
    ...Object.entries(made),
  ])}${
    recipe &&
    html`<details>
      <summary>Every setting of its run</summary>
      ${facts(Object.entries(recipe).map(([key, value]) => [key, JSON.stringify(value)] as const))}
    </details>`
  }`;
}
