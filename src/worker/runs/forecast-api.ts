/** Forecasts of runs for the page. Their code is loaded with the first call. */
import { findRunWarnings } from '../../train/run-warnings.ts';
import type { ForecastApi } from '../api.ts';
import { rewardWarnings } from '../../scorers/rewards/reward-warnings.ts';
import type { PromptRow } from '../../train/policy/prompts.ts';
import { isHeld, itemOf, itemsOf, spread, type List } from '../../lists.ts';
import { objectiveOf } from '../../objectives/registry.ts';
import { onlyTask, type Entry, type RowSet, type UsedEntry } from '../../data/row-set.ts';
import type { Checks } from '../data/checks.ts';
import type { OpenModel } from '../models/model.ts';
import { tokensOfKept } from '../../runs/new-tokens.ts';
import { withNewTokens } from './new-tokens.ts';
import { outcome } from '../outcome.ts';
import { askedRows } from './rows-of-run.ts';
import { modelFolder } from '../../weights/folder.ts';
import { chatTokens, type Session } from '../session.ts';
import { specOf } from '../../settings/spec.ts';

const trainedOn = ({ places }: Pick<RowSet, 'places'>): UsedEntry[] =>
  places.filter(({ part }) => part === 'train');

/** Rows of a large file that are looked at: some places of it, since a part of the file is read for each. */
const LOOKED_AT = 2048;
const PLACES = 64;
/** All rows; some of them if they are made as they are taken. */
function looked<Row extends object>(rows: List<Row>): readonly Row[] {
  if (isHeld(rows) && !rows.some((row) => 'large' in row)) return rows;
  const each = LOOKED_AT / PLACES;
  if (rows.length <= LOOKED_AT) return [...itemsOf(rows)];
  const starts = spread({ length: rows.length - each, at: (index) => index }, PLACES);
  return starts.flatMap((start) => Array.from({ length: each }, (_, next) => itemOf(rows, start + next)));
}

const load = () => Promise.all([import('../../runs/run-forecast.ts'), import('../device/speeds.ts')]);

/** Answers the page's calls for forecasts. */
export function forecastApi(
  session: Session,
  checks: Checks,
  openOrThrow: () => Promise<OpenModel>,
): ForecastApi {
  return {
    forecastRuns: (runs) =>
      outcome(async () => {
        const open = await openOrThrow();
        const [{ forecastRuns }, { readSpeeds }] = await load();
        const speeds = await readSpeeds(open);
        const measured = speeds.own !== undefined || speeds.test !== undefined;
        return { times: await forecastRuns(runs, open, session.data, speeds), measured };
      }),
    warnAboutRun: (options) =>
      outcome(async () => {
        const { info } = await openOrThrow();
        const { data } = session;
        const rows = data ? askedRows(data, options).train : [];
        const run = { steps: options.steps, rows: rows.length, parameters: info.parameters };
        const { samples } = objectiveOf(options.objective);
        const asked = samples ? looked(rows).flatMap((row: PromptRow) => row.asked ?? []) : [];
        return {
          warnings: [
            ...findRunWarnings(specOf(options), run),
            ...rewardWarnings(options.rewards ?? [], asked),
          ],
        };
      }),
    checkAnswers: (options) =>
      outcome(async () => {
        const { data } = session;
        if (!data) return {};
        const given = { options, open: await openOrThrow(), data: onlyTask(data, options.task) };
        const [{ checkAnswers, trainsHead }, own] = await Promise.all([
          import('../../runs/answers-check.ts'),
          withNewTokens(given),
        ]);
        const { definition } = own.open.model;
        const found = await checkAnswers({
          files: await modelFolder(own.open.source.files),
          definition,
          tokenizer: own.open.tokenizer,
          added: tokensOfKept(own.options, given.open.tokenizer),
          rows: looked(trainedOn(own.data)),
          trainsHead: trainsHead(definition, specOf(options)),
        });
        if (!found) return {};
        const rows = new Set<Entry>(looked(trainedOn(given.data)));
        // New tokens make other rows of texts, which are not those of the list.
        const places = data.entries.flatMap((entry, at) => (rows.has(entry) ? [at] : []));
        return {
          found,
          ...(places.length === found.of && { finding: await checks.unwritable(data, places, found) }),
        };
      }),
    costRun: (options) =>
      outcome(async () => {
        const open = await openOrThrow();
        const [{ runCost: costOf }, { readSpeeds }] = await Promise.all([
          import('../../runs/run-cost.ts'),
          import('../device/speeds.ts'),
        ]);
        const sampleTokens = chatTokens(open.model.definition.shape.maxPositions);
        return {
          cost: await costOf(options, open, session.data, { speeds: await readSpeeds(open), sampleTokens }),
        };
      }),
    shortenRun: (options) =>
      outcome(async () => {
        const open = await openOrThrow();
        const [{ shortenRun }, { readSpeeds }] = await load();
        return { ways: await shortenRun(options, open, session.data, await readSpeeds(open)) };
      }),
  };
}
