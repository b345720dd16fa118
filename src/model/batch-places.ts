/** Requests of a continuous batch, and the places that they have in its cache: each keeps the prompt that it held last. */
import type { TokenConstraint } from './allowed-tokens.ts';
import type { GenerateOptions } from './generation.ts';
import type { AdapterHooks } from './graph.ts';
import type { StateRows } from './layer-state.ts';
import { commonLength } from './prompt-prefix.ts';
import type { Candidate } from './sampling.ts';
import type { Generated, Sequence } from './sequence.ts';

export interface BatchRequest extends Omit<GenerateOptions, 'seeds' | 'constraint' | 'onToken' | 'onEnd'> {
  readonly prompt: readonly number[];
  /** What it may write. It gets its tokens one by one, from logits that the host reads. */
  readonly constraint?: TokenConstraint;
  /** As `GenerateOptions.onToken`; `logProbability` is that of the token itself, if candidates were asked for. */
  readonly onToken?: (
    id: number,
    candidates: readonly Candidate[],
    logProbability: number | undefined,
  ) => boolean | void;
}

export interface BatchResult extends Generated {
  /** Tokens of the prompt whose keys and values were there already: of an earlier prompt, or of another one that starts alike. */
  readonly cachedTokens: number;
  /** Since it got its place. */
  readonly seconds: number;
}

/** A request, and what became of it. */
export interface Job {
  readonly request: BatchRequest;
  /** Virtual tokens and the prompt. */
  readonly ids: readonly number[];
  readonly sequence: Sequence;
  cachedTokens: number;
  /** Milliseconds at which it got its place. */
  began: number;
  readonly resolve: (result: BatchResult) => void;
  readonly reject: (error: unknown) => void;
}

/** The part of the cache that a sequence has. */
export interface BatchPlace {
  /** Its number in the cache. */
  readonly index: number;
  job: Job | undefined;
  /** Tokens of the present prompt whose keys and values are in the cache; the last token of a prompt is read with the first choice. */
  filled: number;
  /** Whether its first token can be chosen. */
  ready: boolean;
  /** What the cache holds from its start on: read as a prompt, with this adapter. */
  held: { readonly ids: readonly number[]; readonly adapter: AdapterHooks | undefined };
  /** When it was given to a request: a count of requests. */
  since: number;
}

export type Busy = BatchPlace & { job: Job };

export const NO_PLACES: BatchPlace['held'] = { ids: [], adapter: undefined };

/** As many tokens that a prompt has in common with another are copied, or waited for, rather than read again. */
export const WORTH_COPYING = 8;

/** From how many tokens of a request's prompt a place can continue. The last token of a prompt has to be read. */
export function knownTokens({ held }: BatchPlace, { ids, request }: Job, rows: StateRows): number {
  if (held.adapter !== request.adapter) return 0;
  return rows.reusable(held.ids.length, Math.min(commonLength(held.ids, ids), ids.length - 1));
}

/** A place has the first `count` tokens of its prompt. */
export function hold(place: Busy, count: number): void {
  const { ids, request } = place.job;
  place.filled = count;
  place.held = { ids: ids.slice(0, count), adapter: request.adapter };
  place.ready = count === ids.length - 1;
}

/** Whether a place reads more of what another one's prompt starts with than that has. */
export function isAboutToHave(
  { job: { ids }, ready }: Busy,
  { job, filled }: Busy,
  rows: StateRows,
): boolean {
  if (ready) return false;
  const common = Math.min(commonLength(ids, job.ids), ids.length - 1, job.ids.length - 1);
  return rows.reusable(ids.length - 1, common) - filled >= WORTH_COPYING;
}

/** The place that holds most of a prompt and little else; without one, the place that was given away longest ago. */
export function placeFor(job: Job, free: readonly BatchPlace[], rows: StateRows): BatchPlace {
  const known = free.map((place) => {
    const tokens = knownTokens(place, job, rows);
    return tokens > place.held.ids.length / 2 ? tokens : 0;
  });
  const best = Math.max(...known);
  return best > 0
    ? free[known.indexOf(best)]
    : free.reduce((oldest, place) => (place.since < oldest.since ? place : oldest));
}

export const isAborted = ({ request: { signal } }: Job): boolean => signal?.aborted === true;

/** Ends a request with what it has. */
export function end({ sequence, cachedTokens, began, resolve }: Job): void {
  sequence.reason ??= 'aborted';
  resolve({ ...sequence.result, cachedTokens, seconds: (performance.now() - began) / 1000 });
}

/** Ends the request of a place, which is free then. */
export function leave(place: Busy): void {
  end(place.job);
  (place as BatchPlace).job = undefined;
}
