/** sweep.html: a sweep as one page to read. It says nothing that sweep.json does not have. */
import { facts, html, page, table } from '../../html.ts';
import { count, plural } from '../../numbers.ts';
import { parallelCoordinates, PICTURE_STYLE } from './picture.ts';
import { bestOf, type Sweep } from './record.ts';
import { SWEEP_LIMITS, planInWords, resultInWords, sweepTable } from './words.ts';

interface About {
  /** The path of the best run’s result, relative to the page. */
  readonly place: string | undefined;
  readonly command: string;
}

const TEXTS = 1;

/** The page as HTML. @param sweep with its runs in any state: failed ones are listed apart */
export function sweepPage(sweep: Sweep, { place, command }: About): string {
  const { head, lines } = sweepTable(sweep);
  const failed = sweep.runs.filter(({ status }) => status === 'failed');
  const isNumber = (at: number): boolean => at >= TEXTS && at < head.length - 1;
  const picture = parallelCoordinates(sweep);
  const [result, ...more] = resultInWords(sweep, place === undefined ? undefined : `the folder ${place}`);
  const title = `Sweep of ${sweep.varied.join(', ') || plural(sweep.seeds.length, 'seed')}`;
  return page(
    title,
    html`<h1>${title}</h1>
      <p class="result">${result}</p>
      ${more.map((text) => html`<p>${text}</p>`)}
      <p class="note">${SWEEP_LIMITS} with graft evaluate.</p>
      ${
        picture &&
        html`<h2>Settings and losses</h2>
          <p class="note">
            Each line is a recipe. The thick one is the
            best${sweep.rungs.length > 1 && ', and dashed ones were out before their last step'}.
          </p>
          ${picture}`
      }
      <h2>Recipes</h2>
      ${table(
        'Recipes, the best first. A validation loss is the best of its run, in nats per token; several seeds of a recipe are one line, with mean and standard deviation.',
        head.map((heading, at) => ({ heading, isNumber: isNumber(at) })),
        lines,
      )}${
        failed.length > 0 &&
        html`<h2>Runs that failed</h2>
          ${facts(failed.map(({ id, why = '' }) => [id, why] as const))}`
      }
      <h2>How it was made</h2>
      ${facts([
        ['Command', html`<code>${command}</code>`],
        ['Plan', planInWords(sweep)],
        [
          'Rows',
          `${count(sweep.rows.train)} to train on, ${count(sweep.rows.validation)} for validation, the same in all runs (split seed ${sweep.splitSeed})`,
        ],
        ...sweep.data.map(({ path, sha256 }) => [path, html`<code>SHA-256 ${sha256}</code>`] as const),
        ['Seeds', sweep.seeds.join(', ')],
        ['Best run', bestOf(sweep)?.id ?? 'none yet'],
        ['Graft', sweep.graft],
      ])}`,
    `${STYLE}\n${PICTURE_STYLE}`,
  );
}

const STYLE = '.result { font-size: 1.25rem; line-height: 1.35; margin: 1rem 0; }';
