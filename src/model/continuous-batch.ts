/**
 * Continuous batching: sequences of different requests are generated in the same replays, and each joins and leaves when it likes. Each has its own
 * sampling, adapter and end. A place in the cache keeps the prompt that it held last, so that a prompt with the same beginning need not be read again.
 */
import { FIRST_VIRTUAL } from '../engine/ops/embedding.ts';
import { encodeSettings, markSeen, MAX_CANDIDATES, RECORD_WORDS } from '../engine/ops/sampling.ts';
import type { StagingRing } from '../engine/staging.ts';
import { virtualIds } from './batch.ts';
import { checkPrompt, tokensInFlight, type GenerateOptions } from './generator.ts';
import type { AdapterHooks } from './graph.ts';
import type { LanguageModel } from './language-model.ts';
import {
  bytesOfCache,
  createCache,
  Decoder,
  freeCache,
  Prefill,
  PREFILL_TOKENS,
  type Cache,
} from './replays.ts';
import { checkSampling, greedy, type Candidate } from './sampling.ts';
import { Sequence, type Generated } from './sequence.ts';

export interface BatchRequest extends Omit<GenerateOptions, 'seeds' | 'onToken'> {
  readonly prompt: readonly number[];
  /** As `GenerateOptions.onToken`; `logProbability` is that of the token itself, if candidates were asked for. */
  readonly onToken?: (
    id: number,
    candidates: readonly Candidate[],
    logProbability: number | undefined,
  ) => boolean | void;
}

export interface BatchResult extends Generated {
  /** Tokens of the prompt that an earlier one had left in the cache. */
  readonly cachedTokens: number;
}

/** A request, and what became of it. */
interface Job {
  readonly request: BatchRequest;
  /** Virtual tokens and the prompt. */
  readonly ids: readonly number[];
  readonly sequence: Sequence;
  cachedTokens: number;
  readonly resolve: (result: BatchResult) => void;
  readonly reject: (error: unknown) => void;
}

/** The part of the cache that a sequence has. */
interface Place {
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

type Busy = Place & { job: Job };

/** The plans of the model with one adapter, or with none. */
interface Replays {
  readonly prefill: Prefill;
  /** By their rows: an empty row costs a processor as much as any. */
  readonly decoders: Map<number, Decoder>;
  /** The sequences that have a row now. */
  lineup?: Lineup;
}

interface Lineup {
  readonly decoder: Decoder;
  readonly ring: StagingRing;
  readonly jobs: readonly { readonly job: Job; readonly row: number; readonly sequence: number }[];
}

interface Read {
  readonly jobs: Lineup['jobs'];
  readonly records: Promise<Float32Array>;
}

const NOTHING: Place['held'] = { ids: [], adapter: undefined };

/** Tokens of prompts that are read before the others get their next token. */
const PART = PREFILL_TOKENS[PREFILL_TOKENS.length - 1];

export class ContinuousBatch {
  readonly #cache: Cache;
  /** By the rows of their decoders. */
  readonly #rings = new Map<number, StagingRing>();
  readonly #replays = new Map<AdapterHooks | undefined, Replays>();
  readonly #places: readonly Place[];
  /** In the order in which they came. */
  #waiting: Job[] = [];
  readonly #reads: Read[] = [];
  /** How many have got a place. */
  #requests = 0;
  #working: Promise<void> | undefined;

  /**
   * @param sequences how many are generated at once
   * @param maxLength longest sequence, prompt included: the cache holds sequences · maxLength tokens
   */
  constructor(
    readonly model: LanguageModel,
    readonly sequences: number,
    readonly maxLength: number,
  ) {
    this.#cache = createCache(model, sequences * maxLength);
    this.#places = Array.from({ length: sequences }, (_, index): Place => {
      return { index, job: undefined, filled: 0, ready: false, held: NOTHING, since: 0 };
    });
  }

  /** Compiles the plans of an adapter before its first request. */
  async prepare(adapter?: AdapterHooks): Promise<void> {
    await this.#decoderOf(adapter, 1);
  }

  /** Bytes of the cache of keys and values. */
  get cacheBytes(): number {
    return bytesOfCache(this.#cache);
  }

  /**
   * Continues a prompt as soon as there is a place for it. Its draws depend on its seed only; the last bits of its probabilities, on what is read with it.
   *
   * @returns the tokens; with the reason `aborted` those until the signal
   * @throws GraftError `prompt-length`, `token-id`, `sampling`, `sampling-not-finite`, `engine-…`
   */
  async generate(request: BatchRequest): Promise<BatchResult> {
    const { prompt, adapter, sampling, candidates = 0, seed, maxNewTokens, stopIds, onToken } = request;
    checkSampling(sampling);
    if (candidates > MAX_CANDIDATES)
      throw new Error(`${candidates} candidates, of at most ${MAX_CANDIDATES}`);
    checkPrompt(this.model, prompt, this.maxLength, adapter);
    const ids = [...virtualIds(adapter?.virtualTokens ?? 0), ...prompt];
    const most = Math.min(maxNewTokens, this.maxLength - ids.length);
    const sequence = new Sequence(ids.length, { seed, most, stopIds, candidates, onToken });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, ids, sequence, cachedTokens: 0, resolve, reject });
      this.#working ??= this.#work();
    });
  }

  /** Frees the cache and the plans, once nothing is asked any more and the device has settled. */
  async destroy(): Promise<void> {
    await this.#working;
    for (const { prefill, decoders } of this.#replays.values())
      for (const plan of [prefill, ...decoders.values()]) plan.destroy();
    for (const ring of this.#rings.values()) ring.destroy();
    freeCache(this.model, this.#cache);
  }

  /** Works until nothing is asked. Never rejects: a failure is that of the requests. */
  async #work(): Promise<void> {
    try {
      for (;;) {
        this.#endAborted();
        if (this.#waiting.length > 0 && this.#places.some(({ job }) => !job)) this.#admit();
        await this.#fill();
        if (this.#busy().length > 0) await this.#next();
        else if (this.#waiting.length === 0) break;
      }
    } catch (error) {
      for (const job of [...this.#waiting, ...this.#busy().map((place) => place.job)]) job.reject(error);
      this.#waiting = [];
      for (const place of this.#places) {
        place.job = undefined;
        place.held = NOTHING;
      }
      for (const replays of this.#replays.values()) delete replays.lineup;
      // Nothing may be mapped when the next request comes.
      await Promise.allSettled(this.#reads.splice(0).map(({ records }) => records));
    } finally {
      this.#working = undefined;
    }
  }

  #busy(): Busy[] {
    return this.#places.filter((place): place is Busy => place.job !== undefined);
  }

  #endAborted(): void {
    const isAborted = ({ request: { signal } }: Job): boolean => signal?.aborted === true;
    for (const job of this.#waiting.filter(isAborted)) end(job);
    this.#waiting = this.#waiting.filter((job) => !isAborted(job));
    for (const place of this.#busy()) if (isAborted(place.job)) leave(place);
  }

  /** Gives free places to those who wait. What a place holds already of a prompt is not read again. */
  #admit(): void {
    for (;;) {
      const free = this.#places.filter(({ job }) => !job);
      const job = free.length > 0 ? this.#waiting.shift() : undefined;
      if (!job) return;
      const { adapter } = job.request;
      const place = placeFor(job, free);
      place.job = job;
      place.ready = false;
      place.filled = job.cachedTokens = knownTokens(place, job);
      place.held = { ids: job.ids.slice(0, place.filled), adapter };
      place.since = ++this.#requests;
    }
  }

  /** Reads a part of the prompts of one adapter, and makes those ready that are read. */
  async #fill(): Promise<void> {
    const joining = this.#busy().filter(({ ready }) => !ready);
    if (joining.length === 0) return;
    const { adapter } = joining[0].job.request;
    const { prefill } = await this.#replaysOf(adapter);
    const tokens: { id: number; sequence: number; position: number }[] = [];
    for (const place of joining.filter(({ job }) => job.request.adapter === adapter)) {
      const { ids } = place.job;
      const end = Math.min(ids.length - 1, place.filled + PART - tokens.length);
      for (let position = place.filled; position < end; position++)
        tokens.push({ id: ids[position], sequence: place.index, position });
      place.filled = end;
      place.held = { ids: ids.slice(0, end), adapter };
      place.ready = end === ids.length - 1;
    }
    await prefill.fill(tokens);
  }

  /** The next token of each sequence that is ready, adapter by adapter. */
  async #next(): Promise<void> {
    const ready = this.#busy().filter((place) => place.ready);
    let submitted = false;
    for (const adapter of new Set(ready.map(({ job }) => job.request.adapter))) {
      const lineup = await this.#lineUp(adapter);
      const next = lineup?.jobs.flatMap((one) => {
        const token = one.job.sequence.next();
        return token ? [{ ...one, ...token }] : [];
      });
      if (!lineup || !next || next.length === 0) continue;
      const staging = lineup.ring.next();
      lineup.decoder.next(next, staging);
      const records = staging.read();
      // It may fail before it is awaited.
      records.catch(() => undefined);
      this.#reads.push({ jobs: next, records });
      submitted = true;
      if (this.#reads.length >= tokensInFlight(this.model.device)) await this.#take();
    }
    if (!submitted) await this.#drain();
    for (const place of ready) if (place.job.sequence.reason) leave(place);
  }

  /** Gives rows to the sequences of an adapter, if others have them than before. Undefined if none is left. */
  async #lineUp(adapter: AdapterHooks | undefined): Promise<Lineup | undefined> {
    const replays = await this.#replaysOf(adapter);
    const wanting = (): Busy[] =>
      this.#busy().filter(
        ({ ready, job }) => ready && job.request.adapter === adapter && !job.sequence.reason,
      );
    const known = replays.lineup?.jobs.map(({ job }) => job) ?? [];
    const now = wanting();
    if (now.length === known.length && now.every(({ job }, row) => job === known[row])) return replays.lineup;
    // What is in flight has the rows as they were.
    await this.#drain();
    const places = wanting();
    if (places.length === 0) return undefined;
    const decoder = await this.#decoderOf(adapter, rowsFor(places.length, this.sequences));
    this.#begin(decoder, places, adapter);
    const jobs = places.map(({ job, index }, row) => ({ job, row, sequence: index }));
    replays.lineup = { decoder, ring: this.#ringOf(decoder.rows), jobs };
    return replays.lineup;
  }

  /** Writes the last token of each sequence, which tokens occurred in it, and how it chooses. */
  #begin(decoder: Decoder, places: readonly Busy[], adapter: AdapterHooks | undefined): void {
    const words = Math.ceil(this.model.vocabularyWith(adapter) / 32);
    const last = new Uint32Array(decoder.rows);
    const seen = new Uint32Array(decoder.rows * words);
    const settings = Array.from(last, () => ({ ...greedy, candidates: 0 }));
    places.forEach(({ job: { ids, sequence, request } }, row) => {
      const all = [...ids, ...sequence.ids];
      last[row] = all[all.length - 1];
      markSeen(
        seen.subarray(row * words, (row + 1) * words),
        all.filter((id) => id < FIRST_VIRTUAL),
      );
      settings[row] = { ...request.sampling, candidates: request.candidates ?? 0 };
    });
    decoder.begin(last, seen, encodeSettings(settings));
  }

  async #drain(): Promise<void> {
    while (this.#reads.length > 0) await this.#take();
  }

  /** Takes the tokens that were submitted first. A failure of one sequence is not one of the others. */
  async #take(): Promise<void> {
    const { jobs, records } = this.#reads.shift()!;
    const words = (await records).buffer as ArrayBuffer;
    for (const { job, row } of jobs) {
      try {
        job.sequence.take(words, row);
      } catch (error) {
        job.reject(error);
        job.sequence.reason = 'caller';
      }
    }
  }

  async #replaysOf(adapter: AdapterHooks | undefined): Promise<Replays> {
    let replays = this.#replays.get(adapter);
    if (!replays) {
      const prefill = await Prefill.compile(this.model, this.#useOf(adapter), this.sequences);
      this.#replays.set(adapter, (replays = { prefill, decoders: new Map() }));
    }
    return replays;
  }

  async #decoderOf(adapter: AdapterHooks | undefined, rows: number): Promise<Decoder> {
    const { decoders } = await this.#replaysOf(adapter);
    let decoder = decoders.get(rows);
    if (!decoder)
      decoders.set(rows, (decoder = await Decoder.compile(this.model, this.#useOf(adapter), rows)));
    return decoder;
  }

  #useOf(adapter: AdapterHooks | undefined): Parameters<typeof Decoder.compile>[1] {
    return { cache: this.#cache, maxLength: this.maxLength, adapter };
  }

  #ringOf(rows: number): StagingRing {
    let ring = this.#rings.get(rows);
    if (!ring)
      this.#rings.set(rows, (ring = this.model.device.createStaging(rows * RECORD_WORDS * 4, 'tokens')));
    return ring;
  }
}

/** Rows of the decoder for so many sequences: as many up to four, else a power of two, so that few are compiled. */
function rowsFor(sequences: number, most: number): number {
  return sequences <= 4 ? sequences : Math.min(most, 2 ** Math.ceil(Math.log2(sequences)));
}

/** How many tokens of a request's prompt a place holds from the start on. The last token of a prompt has to be read. */
function knownTokens({ held }: Place, { ids, request }: Job): number {
  if (held.adapter !== request.adapter) return 0;
  const end = Math.min(held.ids.length, ids.length - 1);
  for (let at = 0; at < end; at++) if (held.ids[at] !== ids[at]) return at;
  return end;
}

/** The place that holds most of a prompt and little else; without one, the place that was given away longest ago. */
function placeFor(job: Job, free: readonly Place[]): Place {
  const known = free.map((place) => {
    const tokens = knownTokens(place, job);
    return tokens > place.held.ids.length / 2 ? tokens : 0;
  });
  const best = Math.max(...known);
  return best > 0
    ? free[known.indexOf(best)]
    : free.reduce((oldest, place) => (place.since < oldest.since ? place : oldest));
}

/** Ends a request with what it has. */
function end({ sequence, cachedTokens, resolve }: Job): void {
  sequence.reason ??= 'aborted';
  resolve({ ...sequence.result, cachedTokens });
}

/** Ends the request of a place, which is free then. */
function leave(place: Busy): void {
  end(place.job);
  (place as Place).job = undefined;
}
