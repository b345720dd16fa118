/** All metrics, in the order of the columns of a table. The verdict is about the first. */
import { chrf } from './chrf.ts';
import { exactMatch } from './exact-match.ts';
import { loss } from './loss.ts';
import type { Metric } from './metric.ts';
import { perplexity } from './perplexity.ts';
import { rougeL } from './rouge-l.ts';
import { tokenF1 } from './token-f1.ts';

const registry = [exactMatch, tokenF1, rougeL, chrf, loss, perplexity] as const satisfies readonly Metric[];

export type MetricName = (typeof registry)[number]['name'];

export const METRICS: readonly (Metric & { readonly name: MetricName })[] = registry;

/** The entries of the glossary, by the metrics' names. */
export const METRIC_TITLES = Object.fromEntries(
  registry.map(({ name, entry }) => [name, entry.title]),
) as Readonly<Record<MetricName, string>>;
