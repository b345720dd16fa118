/** All methods, the cheapest first: the rows of a table. An adapter is compared with the best of those before it. */
import { adapter } from './adapter.ts';
import { base } from './base.ts';
import { adapterFewShot, fewShot } from './few-shot.ts';
import { frequent } from './frequent.ts';
import { instructed, instructedFewShot } from './instructed.ts';
import type { Method } from './method.ts';
import { nearestRow } from './nearest.ts';
import { adapterRetrieval, retrieval } from './retrieval.ts';

export const EVALUATION_METHODS: readonly Method[] = [
  frequent,
  nearestRow,
  base,
  fewShot,
  instructed,
  instructedFewShot,
  retrieval,
  adapter,
  adapterFewShot,
  adapterRetrieval,
];

/** Methods that need no model. */
export const RULE_METHODS = EVALUATION_METHODS.filter(({ kind }) => kind === 'rule');
