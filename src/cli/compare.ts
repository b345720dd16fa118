/** `graft compare A B`: the difference of two files of predictions on the same rows. Needs no model and no GPU. */
import { GraftError } from '../errors.ts';
import { LEVEL } from '../evaluate/chance.ts';
import { inPrint, type AnswerScorer } from '../scorers/scorer.ts';
import { readPredictions } from '../evaluate/predictions.ts';
import {
  comparePredictions,
  predictionGroup,
  hasWidth,
  type PredictionDifference,
  type PredictionFile,
} from '../evaluate/score-predictions.ts';
import { settingsReport } from '../evaluate/report-files.ts';
import { plural } from '../numbers.ts';
import { ownNames, textTable } from './evaluate-output.ts';
import {
  DEFAULT_SEED,
  PREDICTION_SCORERS,
  predictionsInWords,
  scorersOfPredictions,
  tellFailures,
} from './evaluate-predictions.ts';
import { readWhole } from './files.ts';
import { metricsOfTexts, readMetrics } from './metric-flags.ts';
import { Flags, wordApart, type FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';
import { startSandbox } from './sandbox.ts';
import { modelFlags } from './session.ts';

export const compareFlags = {
  metric: {
    value: 'NAME|JSON|FILE',
    help: `how both are scored: ${PREDICTION_SCORERS.map(({ name }) => name).join(', ')}; or a scorer with settings, as after --metrics of graft evaluate`,
  },
  method: {
    value: 'NAME …',
    many: true,
    help: 'whose answers are compared, for files of several methods: one name for both files, or one for each. A name is that of the method or the adapter in the lines',
  },
  seed: { value: 'N', help: `draws the rows of the bootstrap (default: ${DEFAULT_SEED})` },
  json: { help: 'print rows, compared, difference, interval, improved, worsened and mcnemar_p as JSON' },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

/** @throws GraftError `arguments`, `file-missing`, `predictions`, `predictions-empty` */
export async function compareCommand(args: readonly string[], output: Output): Promise<void> {
  const { word: first, rest: others } = wordApart(compareFlags, args);
  const { word: second, rest } = wordApart(compareFlags, others);
  const flags = new Flags(compareFlags, rest);
  if (first === undefined || second === undefined)
    throw new GraftError(
      'arguments',
      'Two files of predictions are compared, and one is missing.',
      'Write graft compare A.jsonl B.jsonl --metric NAME.',
    );
  flags.required('metric');
  await readMetrics(flags, 'metric');
  const [metric, ...more] = scorersOfPredictions(
    metricsOfTexts(flags.texts('metric'), 'metric'),
    'a file of predictions has',
  );
  if (more.length > 0)
    throw new GraftError(
      'arguments',
      `--metric has ${more.length + 1} metrics, and two files are compared by one.`,
      'Give one.',
    );
  const seed = flags.integer('seed') ?? DEFAULT_SEED;
  const methods = flags.texts('method');
  if (methods.length > 2)
    throw new GraftError(
      'arguments',
      `--method has ${methods.length} names, and two files are compared.`,
      'Give one name for both files, or one for each.',
    );
  const [before, after = before] = methods;
  const read = async (path: string, method: string | undefined): Promise<PredictionFile> =>
    predictionGroup(readPredictions(await readWhole(path), path), path, method);
  const [one, other] = [await read(first, before), await read(second, after)];
  const found = await comparePredictions(one, other, metric, seed, startSandbox);
  tellFailures(found.failures, output);
  if (flags.on('json')) {
    const { rows, compared, difference, interval, improved, worsened, mcnemarP } = found;
    output.result(
      `${JSON.stringify({ rows, compared, metric: metric.name, ...settingsReport([metric]), difference, interval, improved, worsened, mcnemar_p: mcnemarP })}\n`,
    );
    return;
  }
  const named = (path: string, method: string | undefined): string =>
    method === undefined ? path : `${path}, ${method}`;
  output.result(inWords(found, metric, named(first, before), named(second, after)));
}

/** Decimal places of a difference, by the unit of its metric. */
const places = (metric: AnswerScorer): number => (inPrint(metric, 1) === 1 ? 4 : 2);

function inWords(found: PredictionDifference, metric: AnswerScorer, first: string, second: string): string {
  const { rows, compared, difference, interval, improved, worsened, mcnemarP } = found;
  const digits = (value: number): string => value.toFixed(places(metric));
  const [low, high] = interval;
  const isSure = mcnemarP === null ? hasWidth(interval) && (low > 0 || high < 0) : mcnemarP < LEVEL;
  const verdict =
    difference === 0
      ? `${second} scores the same as ${first}`
      : `${second} scores ${difference > 0 ? 'higher' : 'lower'} than ${first} by ${digits(Math.abs(difference))}, which ${isSure ? 'is hardly chance' : 'may be chance'}`;
  return [
    `${verdict}: ${metric.heading}, ${compared < rows ? `${compared} of ` : ''}${plural(rows, 'row')}.\n\n`,
    textTable(
      ['file', metric.heading],
      [
        [first, predictionsInWords(metric, found.first)],
        [second, predictionsInWords(metric, found.second)],
      ],
    ),
    ownNames([metric]),
    '\n',
    textTable(
      ['difference', digits(difference)],
      [
        ...(hasWidth(interval) ? [['95% interval', interval.map(digits).join(' to ')]] : []),
        ['rows improved', String(improved)],
        ['rows worsened', String(worsened)],
        ...(mcnemarP === null ? [] : [['exact McNemar p', String(Number(mcnemarP.toPrecision(3)))]]),
      ],
    ),
  ].join('');
}
