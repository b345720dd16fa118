/** All metrics, in the order of the columns of a table. The verdict is about the first. */
import { accuracy } from './accuracy.ts';
import { bleu } from './bleu.ts';
import { chrf } from './chrf.ts';
import { exactMatch } from './exact-match.ts';
import { loss } from './loss.ts';
import { macroF1 } from './macro-f1.ts';
import type { Metric } from './metric.ts';
import { normalizedMatch } from './normalized-match.ts';
import { numberFlexible, numberStrict } from './number-match.ts';
import { perplexity } from './perplexity.ts';
import { rouge1, rouge2, rougeLOfAll } from './rouge.ts';
import { rougeL } from './rouge-l.ts';
import { sentenceBleu } from './sentence-bleu.ts';
import { sentenceChrf } from './sentence-chrf.ts';
import { tokenF1 } from './token-f1.ts';

const registry = [exactMatch, tokenF1, rougeL, chrf, loss, perplexity] as const satisfies readonly Metric[];

export type MetricName = (typeof registry)[number]['name'];

export const METRICS: readonly (Metric & { readonly name: MetricName })[] = registry;

/** Metrics that a call has to name: no table has their columns by itself. */
export const MORE_METRICS: readonly Metric[] = [
  normalizedMatch,
  numberStrict,
  numberFlexible,
  accuracy,
  macroF1,
  rouge1,
  rouge2,
  rougeLOfAll,
  bleu,
  sentenceBleu,
  sentenceChrf,
];

/** Everything that `--metrics` takes. */
export const ALL_METRICS: readonly Metric[] = [...METRICS, ...MORE_METRICS];

/** The entries of the glossary, by the metrics' names. */
export const METRIC_TITLES = Object.fromEntries(
  registry.map(({ name, entry }) => [name, entry.title]),
) as Readonly<Record<MetricName, string>>;
