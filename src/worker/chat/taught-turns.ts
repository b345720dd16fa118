/** Whether an adapter was taught single questions or conversations, found from its rows if they are stored. */
import type { Example } from '../../data/example.ts';
import { bytesOf } from '../../data/file-content.ts';
import { ExampleReader } from '../../data/formats.ts';
import { hasExample, type Entry } from '../../data/row-set.ts';
import { GraftError } from '../../errors.ts';
import { spread } from '../../lists.ts';
import { readDataSet } from '../../storage/data-sets.ts';
import type { StoredDataFiles } from '../../storage/records.ts';
import { turnsOf, type Turns } from '../../data/turns.ts';
import type { AdapterChoice, DataOptions, TaughtTurns } from '../api.ts';
import type { DataSet } from '../data/data.ts';
import type { Session } from '../session.ts';
import { Slices } from '../slices.ts';
import { trainedOn, type TrainedOn } from '../evaluation/trained-on.ts';

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
    const open = data && turnsOf(examplesIn(data.entries));
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
        open.entries.some(hasExample);
      const examples = isOpen
        ? examplesIn(open.entries.filter(({ part }) => part !== 'test'))
        : await examplesOf(await this.read(projectId, ref.version), { mapping, header, delimiter });
      this.#known.set(key, turnsOf(examples));
    }
    return this.#known.get(key);
  }
}

/** Rows that are looked at. */
const LOOKED_AT = 20_000;

/** The examples of rows, one after another. */
function* examplesIn(entries: readonly Entry[]): Generator<Example> {
  for (const { example } of spread(entries, LOOKED_AT)) if (example) yield example;
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
    const examples: Example[] = [];
    const onExample = (example: Example): void => {
      if (examples.length < LOOKED_AT) examples.push(example);
    };
    const reader = new ExampleReader(bytesOf(bytes), { fileName: name, ...options, onExample });
    for (const done of reader.read()) {
      if (examples.length === LOOKED_AT) break;
      if (slices.due) await slices.pause({ what: 'reading', done, total: 1 });
    }
    return examples;
  } catch (error) {
    if (error instanceof GraftError) return [];
    throw error;
  }
}
