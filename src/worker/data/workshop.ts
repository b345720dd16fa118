/** A mixture of adapters of the open model: made, measured on test rows, and kept. */
import { Adapter } from '../../adapters/adapter.ts';
import { mixAdapters, type Mixed, type MixPart } from '../../adapters/mix/mix.ts';
import { GraftError } from '../../errors.ts';
import { evaluateLoss } from '../../evaluate/loss.ts';
import { readAfterPrompt, readPeft, writePeft } from '../../export/peft.ts';
import { weighted } from '../../numbers.ts';
import { Random } from '../../random.ts';
import { storedAdapterFiles, findAdapter, putAdapter } from '../../storage/adapters.ts';
import type { StoredAdapter } from '../../storage/records.ts';
import { IGNORED } from '../../text/trainable.ts';
import { memoryFiles } from '../../weights/bytes.ts';
import { countParameters, adapterSettings } from '../library/adapters.ts';
import type { AdapterInfo, MixedAdapter, MixtureLoss, MixtureShare } from '../api.ts';
import { madeForOther } from '../models/bases.ts';
import type { DataSet } from './data.ts';
import type { OpenModel } from '../models/model.ts';
import { unknownAdapter, type Session } from '../session.ts';
import type { SliceWatch } from '../slices.ts';

/** Enough to see a direction, few enough to follow a slider. */
const MAX_ROWS = 32;

interface Part extends Omit<MixPart, 'weight'> {
  readonly stored: StoredAdapter;
  readonly afterPrompt: string;
}

interface Made {
  readonly name: string;
  readonly mixed: Mixed;
  readonly method: 'cat' | 'svd';
  readonly parts: readonly (Part & { readonly weight: number })[];
  /** The model that it was made for. */
  readonly open: OpenModel;
}

export class Workshop {
  /** Adapters that were mixed lately, by their ids; of one model. */
  readonly #parts = new Map<string, Part>();
  #model: string | undefined;
  #made: Made | undefined;
  /** The base's loss on rows that were measured. */
  readonly #baseLoss = new WeakMap<DataSet['places'], { readonly on: OpenModel; readonly loss: number }>();

  constructor(private readonly session: Session) {}

  /** @throws GraftError `mix`, `worker-no-adapter`, `adapter-…` */
  async mix(shares: readonly MixtureShare[], rank?: number): Promise<MixedAdapter> {
    const open = await this.session.model();
    if (this.#model !== open.content) this.#parts.clear();
    this.#model = open.content;
    const parts: Made['parts'][number][] = [];
    for (const { id, weight } of shares)
      if (weight !== 0) parts.push({ ...(await this.#part(id, open)), weight });
    if (parts.length === 0)
      throw new GraftError(
        'mix',
        'Every weight is 0, so there is nothing to mix.',
        'Give an adapter another weight.',
      );
    const method = rank === undefined ? 'cat' : 'svd';
    const mixed = mixAdapters(parts, {
      ...{ method, rank, density: 1, majoritySign: 'total', random: new Random(0) },
    });
    const sum = parts.map(weighted).join(' + ');
    const name = rank === undefined ? sum : `${sum}, rank ${rank}`;
    await this.session.holdMixture(await Adapter.frozen(open.model, mixed.modules, mixed.tensors), name);
    this.#made = { name, mixed, method, parts, open };
    return {
      name,
      rank: mixed.config.rank,
      parameters: countParameters(mixed.tensors),
      layers: mixed.spectra.map(({ name: layer, singularValues, relativeError }) => ({
        name: layer,
        singularValues,
        relativeError,
      })),
    };
  }

  /** @throws GraftError `worker-no-data`, `worker-aborted`, `worker-no-adapter` */
  async loss({ onProgress, signal }: SliceWatch): Promise<MixtureLoss> {
    const open = await this.session.model();
    const { data } = this.session;
    const used = (data?.places ?? [])
      .filter(
        ({ part, row }) => part === 'test' && row?.labels.some((label, at) => at > 0 && label !== IGNORED),
      )
      .flatMap(({ row }) => row ?? []);
    if (!data || used.length === 0)
      throw new GraftError(
        'worker-no-data',
        'No test rows are open.',
        'Open examples under Data, with a part for the test.',
      );
    const count = Math.min(MAX_ROWS, used.length);
    const rows = Array.from({ length: count }, (_, at) => used[Math.floor((at * used.length) / count)]);
    const measure = (adapter: Adapter | undefined) =>
      evaluateLoss(open.model, rows, adapter, (done) => {
        if (signal.aborted)
          throw new GraftError(
            'worker-aborted',
            'The measurement was stopped.',
            'Change a weight to start it again.',
          );
        onProgress({ what: 'measuring', done, total: rows.length });
      });
    const { loss, supervisedTokens } = await measure(this.session.mixture());
    const known = this.#baseLoss.get(data.places);
    const base = known?.on === open ? known.loss : (await measure(undefined)).loss;
    this.#baseLoss.set(data.places, { on: open, loss: base });
    return { rows: rows.length, tokens: supervisedTokens, base, mixture: loss };
  }

  /** @throws GraftError `worker-no-adapter`, `storage-…` */
  async keep(name: string, projectId: string): Promise<AdapterInfo> {
    const { mixed, method, parts, open } = this.#madeOrThrow();
    const [first, ...others] = parts.map(({ stored }) => stored);
    const sameRows = others.every(({ data }) => data?.version === first.data?.version);
    const texts = new Set(parts.map(({ afterPrompt }) => afterPrompt));
    const [afterPrompt] = texts;
    const files = writePeft(mixed, {
      baseModel: first.baseModel,
      mixed: { method, parents: parts.map(({ name: parent, weight }) => ({ name: parent, weight })) },
      ...(texts.size === 1 && afterPrompt !== '' && { afterPrompt }),
    });
    const adapter: StoredAdapter = {
      id: crypto.randomUUID(),
      projectId,
      name: name.trim() || 'Mixture',
      note: '',
      baseModel: open.info.name,
      ...adapterSettings(mixed.config),
      parameters: countParameters(mixed.tensors),
      created: Date.now(),
      mixed: parts.map(({ stored, weight }) => ({ id: stored.id, name: stored.name, weight })),
      ...(sameRows && first.data && { data: first.data }),
      ...(sameRows && first.dataOptions && { dataOptions: first.dataOptions }),
      ...(first.baseWeights && { baseWeights: first.baseWeights }),
    };
    await putAdapter(adapter, files);
    return adapter;
  }

  #madeOrThrow(): Made {
    if (this.#made) return this.#made;
    throw new GraftError('worker-no-adapter', 'There is no mixture.', 'Give an adapter a weight first.');
  }

  async #part(id: string, open: OpenModel): Promise<Part> {
    const stored = await findAdapter(id);
    if (!stored) throw unknownAdapter();
    const known = this.#parts.get(id);
    if (known) return { ...known, stored, name: stored.name };
    const files = await storedAdapterFiles(id);
    if (!files) throw unknownAdapter();
    const folder = memoryFiles(files, stored.name);
    const read = await readPeft(folder, open.model.definition).catch((error: unknown) => {
      throw madeForOther(error, stored, open.info.name);
    });
    const part = { ...read, name: stored.name, stored, afterPrompt: await readAfterPrompt(folder) };
    this.#parts.set(id, part);
    return part;
  }
}
