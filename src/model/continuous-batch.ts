/**
 * Continuous batching: sequences of different requests are generated in the same replays, and each joins and leaves when it likes. Each has its own
 * sampling, adapter and end. A place in the cache keeps the prompt that it held last, so that a prompt with the same start need not be read again.
 */
import { FIRST_VIRTUAL } from '../engine/ops/embedding.ts';
import {
  encodeSettings,
  markSeen,
  MAX_CANDIDATES,
  readRecord,
  RECORD_WORDS,
  type Picked,
} from '../engine/ops/sampling.ts';
import type { Plan } from '../engine/plan.ts';
import type { StagingRing } from '../engine/staging.ts';
import { pickAllowed } from './allowed-tokens.ts';
import {
  end,
  hold,
  isAborted,
  isAboutToHave,
  knownTokens,
  leave,
  NO_PLACES,
  placeFor,
  WORTH_COPYING,
  type BatchRequest,
  type BatchResult,
  type Busy,
  type Job,
  type BatchPlace,
} from './batch-places.ts';
import { CacheCopy } from './cache-copy.ts';
import { checkPrompt, tokensInFlight } from './generation.ts';
import { GenerationState } from './generation-state.ts';
import type { AdapterHooks } from './graph.ts';
import type { LanguageModel } from './language-model.ts';
import type { CopiedTokens } from './layer-state.ts';
import { commonLength } from './prompt-prefix.ts';
import { Decoder, Prefill, PREFILL_TOKENS, LossReplay } from './replays.ts';
import { checkSampling, greedy } from './sampling.ts';
import { Sequence } from './sequence.ts';
import { inputIds } from './virtual-tokens.ts';

/** The plans of the model with one adapter, or with none. */
interface Replays {
  readonly prefill: Prefill;
  /** By their rows: an empty row costs a processor as much as any. */
  readonly decoders: Map<number, Decoder>;
  /** For sequences that may not write every token, likewise. */
  readonly scorers: Map<number, LossReplay>;
  /** The sequences that have a row now. */
  lineup?: Lineup;
}

interface Lineup {
  readonly decoder: Decoder;
  readonly ring: StagingRing;
  readonly jobs: readonly { readonly job: Job; readonly row: number; readonly sequence: number }[];
}

/** A sequence whose next token was submitted, with its random number. */
interface Submitted {
  readonly job: Job;
  readonly row: number;
  readonly draw: number;
}

interface Read {
  readonly jobs: readonly Submitted[];
  readonly values: Promise<Float32Array>;
  readonly pick: (values: Float32Array, submitted: Submitted) => Picked;
}

/** Tokens of prompts that are read before the others get their next token. */
const PART = PREFILL_TOKENS[PREFILL_TOKENS.length - 1];

export class ContinuousBatch {
  readonly #state: GenerationState;
  /** By the rows of their decoders. */
  readonly #rings = new Map<number, StagingRing>();
  readonly #replays = new Map<AdapterHooks | undefined, Replays>();
  readonly #places: readonly BatchPlace[];
  #copy: CacheCopy | undefined;
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
    this.#state = new GenerationState(model, sequences, maxLength);
    this.#places = Array.from({ length: sequences }, (_, index): BatchPlace => {
      return { index, job: undefined, filled: 0, ready: false, held: NO_PLACES, since: 0 };
    });
  }

  /** Compiles the plans of an adapter for its first request. Others are compiled when several come at once. */
  async prepare(adapter?: AdapterHooks): Promise<void> {
    await this.#decoderOf(adapter, 1);
  }

  /** Compiles all plans that an adapter can need for sequences that may write any token. */
  async prepareAll(adapter?: AdapterHooks): Promise<void> {
    // The largest first, so that the others find their memory in the pool.
    for (const rows of rowCounts(this.sequences)) await this.#decoderOf(adapter, rows);
    for (const rows of rowCounts(this.sequences)) this.#ringOf(rows);
    if (this.sequences > 1) await this.#copier();
  }

  /** Once nothing is in progress any more. */
  async idle(): Promise<void> {
    await this.#working;
  }

  /** Drops what the cache holds of earlier prompts: the weights that read them may have changed. Nothing may be in progress. */
  forgetPrompts(): void {
    for (const place of this.#places) place.held = NO_PLACES;
  }

  /** Drops the plans of an adapter that is about to be freed. Nothing may be in progress, and the device has settled. */
  forget(adapter: AdapterHooks): void {
    for (const place of this.#places) if (place.held.adapter === adapter) place.held = NO_PLACES;
    this.#destroyReplays(adapter);
  }

  /** Drops all plans, likewise. The next request compiles them again. */
  forgetAll(): void {
    for (const adapter of [...this.#replays.keys()]) this.#destroyReplays(adapter);
    this.#copy?.destroy();
    this.#copy = undefined;
  }

  #destroyReplays(adapter: AdapterHooks | undefined): void {
    const replays = this.#replays.get(adapter);
    if (!replays) return;
    for (const plan of [replays.prefill, ...replays.decoders.values(), ...replays.scorers.values()])
      plan.destroy();
    this.#replays.delete(adapter);
  }

  /** The plan of a new token of one sequence with the base model or an adapter, with the inputs of the last one: for measurements. */
  async decodePlan(adapter?: AdapterHooks): Promise<Plan> {
    return (await this.#decoderOf(adapter, 1)).plan;
  }

  /** Bytes of what the layers keep of the sequences' tokens. */
  get cacheBytes(): number {
    return this.#state.bytes;
  }

  /**
   * Continues a prompt as soon as there is a place for it. Its draws depend on its seed only; the last bits of its probabilities, on what is read with it.
   *
   * @returns the tokens; with the reason `aborted` those until the signal
   * @throws GraftError `prompt-length`, `token-id`, `sampling`, `sampling-not-finite`, `engine-…`
   */
  async generate(request: BatchRequest): Promise<BatchResult> {
    const { prompt, adapter, sampling, constraint, candidates = 0, seed } = request;
    checkSampling(sampling);
    if (candidates > MAX_CANDIDATES)
      throw new Error(`${candidates} candidates, of at most ${MAX_CANDIDATES}`);
    checkPrompt(this.model, prompt, this.maxLength, adapter);
    const ids = inputIds(prompt, adapter);
    const max = Math.min(request.maxNewTokens, this.maxLength - ids.length);
    const { stopIds, onToken } = request;
    const sequence = new Sequence(ids.length, { seed, most: max, stopIds, constraint, onToken });
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        request,
        ids,
        sequence,
        cachedTokens: 0,
        began: performance.now(),
        resolve,
        reject,
      });
      this.#working ??= this.#work();
    });
  }

  /** Frees the cache and the plans, once nothing is asked any more and the device has settled. */
  async destroy(): Promise<void> {
    await this.#working;
    this.free();
  }

  /** The same at once, when nothing is in progress. */
  free(): void {
    this.forgetAll();
    for (const ring of this.#rings.values()) ring.destroy();
    this.#state.free();
  }

  /** Works until nothing is asked. Never rejects: a failure is that of the requests. */
  async #work(): Promise<void> {
    try {
      // Requests of the same turn come together.
      await Promise.resolve();
      for (;;) {
        this.#endAborted();
        if (this.#waiting.length > 0 && this.#places.some(({ job }) => !job)) this.#admit();
        await this.#fill();
        this.#endAborted();
        if (this.#busy().length > 0) await this.#next();
        else if (this.#waiting.length === 0) break;
      }
    } catch (error) {
      for (const job of [...this.#waiting, ...this.#busy().map((place) => place.job)]) job.reject(error);
      this.#waiting = [];
      for (const place of this.#places) {
        place.job = undefined;
        place.held = NO_PLACES;
      }
      for (const replays of this.#replays.values()) delete replays.lineup;
      // Nothing may be mapped when the next request comes.
      await Promise.allSettled(this.#reads.splice(0).map(({ values }) => values));
    } finally {
      this.#working = undefined;
    }
  }

  #busy(): Busy[] {
    return this.#places.filter((place): place is Busy => place.job !== undefined);
  }

  #endAborted(): void {
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
      const place = placeFor(job, free, this.#state.rows);
      place.job = job;
      place.ready = false;
      job.began = performance.now();
      place.filled = job.cachedTokens = knownTokens(place, job, this.#state.rows);
      place.held = { ids: job.ids.slice(0, place.filled), adapter };
      place.since = ++this.#requests;
    }
  }

  /** Reads a part of the prompts of one adapter, and makes those ready that are read. */
  async #fill(): Promise<void> {
    let room = PART;
    for (let isWaiting = true; isWaiting && room > 0;) {
      const joining = this.#busy().filter(({ ready }) => !ready);
      if (joining.length === 0) return;
      const { adapter } = joining[0].job.request;
      const same = joining.filter(({ job }) => job.request.adapter === adapter);
      await this.#copyInto(same);
      const { prefill } = await this.#replaysOf(adapter);
      const tokens: { id: number; sequence: number; position: number }[] = [];
      const waits = same.map((place, at) =>
        same.slice(0, at).some((other) => isAboutToHave(other, place, this.#state.rows)),
      );
      isWaiting = waits.includes(true);
      for (const place of same.filter((_, at) => !waits[at])) {
        const { ids } = place.job;
        const end = Math.min(ids.length - 1, place.filled + room - tokens.length);
        for (let position = place.filled; position < end; position++)
          tokens.push({ id: ids[position], sequence: place.index, position });
        hold(place, end);
      }
      const isWanted = (): boolean => same.some(({ job }) => !isAborted(job));
      await prefill.fill(tokens, isWanted);
      // It may have ended before all of it was read.
      if (!isWanted()) for (const place of same) place.held = NO_PLACES;
      room -= tokens.length;
    }
  }

  /** Copies to each place what another one holds of its prompt. */
  async #copyInto(places: readonly Busy[]): Promise<void> {
    const pieces: CopiedTokens[] = [];
    // As it was before: a copy of this call is not copied.
    const held = this.#places.map((place) => ({ place, known: place.held }));
    const copied = new Set<BatchPlace>();
    const { rows } = this.#state;
    for (const place of places) {
      const { job, index, filled } = place;
      const max = job.ids.length - 1;
      let best = { from: place as BatchPlace, count: filled };
      for (const { place: from, known } of held) {
        if (from === place || copied.has(from) || known.adapter !== job.request.adapter) continue;
        const common = Math.min(max, commonLength(known.ids, job.ids));
        const count = rows.reusable(known.ids.length, common);
        if (count > best.count) best = { from, count };
      }
      const count = best.count - filled;
      // The end of a prompt is copied however short: reading it would be a replay of its own.
      if (count <= 0 || (count < WORTH_COPYING && best.count < max)) continue;
      pieces.push({ from: best.from.index, to: index, first: filled, end: best.count });
      copied.add(place);
      job.cachedTokens += count;
      hold(place, best.count);
    }
    if (pieces.length > 0) (await this.#copier()).copy(pieces);
  }

  async #copier(): Promise<CacheCopy> {
    return (this.#copy ??= await CacheCopy.compile(this.model, this.#state));
  }

  /** The next token of each sequence that is ready, adapter by adapter. */
  async #next(): Promise<void> {
    const ready = this.#busy().filter((place) => place.ready);
    let submitted = false;
    for (const adapter of new Set(ready.map(({ job }) => job.request.adapter)))
      for (const submit of [this.#chooseOnDevice, this.#chooseOnHost]) {
        const read = await submit.call(this, adapter);
        if (!read) continue;
        // It may fail before it is awaited.
        read.values.catch(() => undefined);
        this.#reads.push(read);
        submitted = true;
        if (this.#reads.length >= tokensInFlight(this.model.device)) await this.#take();
      }
    if (!submitted) await this.#drain();
    for (const place of ready) if (place.job.sequence.reason) leave(place);
  }

  /** Submits the next token of the sequences of an adapter that may write any token. */
  async #chooseOnDevice(adapter: AdapterHooks | undefined): Promise<Read | undefined> {
    const lineup = await this.#lineUp(adapter);
    const jobs = lineup?.jobs.flatMap((one) => {
      const token = one.job.sequence.next();
      return token ? [{ ...one, ...token, prompt: one.job.ids.length - 1 }] : [];
    });
    if (!lineup || !jobs || jobs.length === 0) return undefined;
    const staging = lineup.ring.next();
    lineup.decoder.next(jobs, staging);
    const pick: Read['pick'] = ({ buffer }, { job: { request }, row }) =>
      readRecord(buffer as ArrayBuffer, row, request.candidates ?? 0);
    return { jobs, values: staging.read(), pick };
  }

  /** Submits the next token of the others of an adapter, as far as their last one is chosen. Nobody waits for them. */
  async #chooseOnHost(adapter: AdapterHooks | undefined): Promise<Read | undefined> {
    const places = this.#busy().filter(
      ({ ready, job }) => ready && job.request.constraint && job.request.adapter === adapter,
    );
    const next = places.flatMap(({ job, index }) => {
      const token = job.sequence.next();
      const prompt = job.ids.length - 1;
      return token ? [{ job, sequence: index, prompt, id: lastOf(job), ...token }] : [];
    });
    if (next.length === 0) return undefined;
    const jobs = next.map((one, row) => ({ ...one, row }));
    const scorer = await this.#scorerOf(adapter, rowsFor(jobs.length, this.sequences));
    const pick: Read['pick'] = (values, { job, row, draw }) => {
      const { sampling, constraint, candidates = 0 } = job.request;
      return pickAllowed(scorer.rowOf(values, row), {
        ...{ sampling, draw, candidates, before: [...job.ids, ...job.sequence.ids] },
        allowed: constraint!.allowed(),
      });
    };
    return { jobs, values: scorer.next(jobs), pick };
  }

  /** Gives rows to the sequences of an adapter that may write any token, if others have them than before. Undefined if none is left. */
  async #lineUp(adapter: AdapterHooks | undefined): Promise<Lineup | undefined> {
    const replays = await this.#replaysOf(adapter);
    const wanting = (): Busy[] =>
      this.#busy().filter(
        ({ ready, job: { request, sequence } }) =>
          ready && request.adapter === adapter && !request.constraint && !sequence.reason,
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

  /** Takes the tokens that were submitted first, except those of sequences that have ended since. A failure of one sequence is not one of the others. */
  async #take(): Promise<void> {
    const { jobs, values, pick } = this.#reads.shift()!;
    const read = await values;
    for (const submitted of jobs) {
      const { job } = submitted;
      if (job.sequence.reason) continue;
      try {
        job.sequence.take(pick(read, submitted));
      } catch (error) {
        job.reject(error);
        job.sequence.reason = 'caller';
      }
    }
  }

  async #replaysOf(adapter: AdapterHooks | undefined): Promise<Replays> {
    let replays = this.#replays.get(adapter);
    if (!replays) {
      const prefill = await Prefill.compile(this.model, this.#useOf(adapter));
      this.#replays.set(adapter, (replays = { prefill, decoders: new Map(), scorers: new Map() }));
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

  async #scorerOf(adapter: AdapterHooks | undefined, rows: number): Promise<LossReplay> {
    const { scorers } = await this.#replaysOf(adapter);
    let scorer = scorers.get(rows);
    if (!scorer)
      scorers.set(rows, (scorer = await LossReplay.compile(this.model, this.#useOf(adapter), rows)));
    return scorer;
  }

  #useOf(adapter: AdapterHooks | undefined): Parameters<typeof Decoder.compile>[1] {
    return { state: this.#state, adapter };
  }

  #ringOf(rows: number): StagingRing {
    let ring = this.#rings.get(rows);
    if (!ring)
      this.#rings.set(rows, (ring = this.model.device.createStaging(rows * RECORD_WORDS * 4, 'tokens')));
    return ring;
  }
}

/** The last token of a sequence, which is read when its next one is chosen. */
const lastOf = ({ ids, sequence }: Job): number => sequence.ids.at(-1) ?? ids[ids.length - 1];

/** All that {@link rowsFor} can give, the largest first. */
const rowCounts = (max: number): number[] =>
  [...new Set(Array.from({ length: max }, (_, at) => rowsFor(at + 1, max)))].reverse();

/** Rows of the decoder for so many sequences: as many up to four, else a power of two, so that few are compiled. */
function rowsFor(sequences: number, max: number): number {
  return sequences <= 4 ? sequences : Math.min(max, 2 ** Math.ceil(Math.log2(sequences)));
}
