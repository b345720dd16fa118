/** Whether an adapter was taught single questions or conversations, found from its rows if they are stored. */
import type { Example } from '../data/example.ts';
import { ExampleReader } from '../data/formats.ts';
import { GraftError } from '../errors.ts';
import { readDataSet } from '../storage/data-sets.ts';
import type { StoredDataFiles } from '../storage/records.ts';
import { turnsOf, type Turns } from '../data/turns.ts';
import type { AdapterChoice, DataOptions, TaughtTurns } from './api.ts';
import type { DataSet } from './data.ts';
import type { Session } from './session.ts';
import { Slices } from './slices.ts';
import { trainedOn, type TrainedOn } from './trained-on.ts';

type ReadFiles = (projectId: string, version: string) => Promise<StoredDataFiles | undefined>;

const fromStorage: ReadFiles = async (projectId, version) => (await readDataSet(projectId, version))?.files;

/** The results so far, by data set and mapping: rows of one version never change. */
export class TurnsOfRows {
  readonly #known = new Map<string, Turns | undefined>();

  constructor(private readonly read = fromStorage) {}

  /**
   * An adapter that learnt from single questions decides, then one that learnt from conversations, then the open rows.
   *
   * @returns undefined if none of them is known
   */
  async of(session: Session, choices: readonly AdapterChoice[]): Promise<TaughtTurns | undefined> {
    const { data } = session;
    const kinds: (Turns | undefined)[] = [];
    for (const choice of choices) {
      const trained = await trainedOn(session, choice);
      if (trained) kinds.push(await this.#ofAdapter(trained, data));
    }
    const kind = (['single', 'text', 'several'] as const).find((each) => kinds.includes(each));
    if (kind) return { kind, of: 'adapter' };
    const open = data && turnsOf(data.entries.flatMap(({ example }) => example ?? []));
    return open && { kind: open, of: 'data' };
  }

  async #ofAdapter(
    { projectId, data: ref, dataOptions }: TrainedOn,
    open: DataSet | undefined,
  ): Promise<Turns | undefined> {
    if (!ref || !dataOptions) return undefined;
    const { mapping, header, delimiter } = dataOptions as DataOptions;
    const key = JSON.stringify([projectId, ref.version, mapping, header, delimiter]);
    if (!this.#known.has(key)) {
      const isOpen =
        open?.ref?.version === ref.version &&
        JSON.stringify(open.options?.mapping) === JSON.stringify(mapping) &&
        open.entries.some(({ example }) => example);
      const examples = isOpen
        ? open.entries.flatMap(({ part, example }) => (part === 'test' || !example ? [] : [example]))
        : await examplesOf(await this.read(projectId, ref.version), { mapping, header, delimiter });
      this.#known.set(key, turnsOf(examples));
    }
    return this.#known.get(key);
  }
}

/** The rows of a kept file; none if it is not kept, or cannot be read any more. */
async function examplesOf(
  files: StoredDataFiles | undefined,
  options: Pick<DataOptions, 'mapping' | 'header' | 'delimiter'>,
): Promise<readonly Example[]> {
  if (!files) return [];
  const { name, bytes } = files.file;
  // It pauses so that the worker can take calls; it reports no progress and cannot be stopped.
  const slices = new Slices(() => undefined, new AbortController().signal);
  try {
    const reader = new ExampleReader(bytes, { fileName: name, ...options });
    for (const done of reader.read()) if (slices.due) await slices.pause({ what: 'reading', done, total: 1 });
    return reader.result().examples;
  } catch (error) {
    if (error instanceof GraftError) return [];
    throw error;
  }
}
