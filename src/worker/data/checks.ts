/** The check of the open rows for the page: with progress, stopped on request, and remembered for the filter of the list. */
import type { FindingId, Found } from '../../data/findings/finding.ts';
import type { PlacedFinding } from '../../data/findings/open-rows.ts';
import type { RowSet } from '../../data/row-set.ts';
import type { Unwritable } from '../../data/unwritable.ts';
import type { OpenModel } from '../models/model.ts';
import { Slices, type SliceWatch } from '../slices.ts';

/** The rows of a finding, as places in a list of rows. */
interface Listed {
  readonly list: string;
  readonly rows: ReadonlySet<number>;
}

const lists = new WeakMap<RowSet, string>();

/** Names a list of rows: equal for the same files and the same places in the list, however their rows are divided. */
function listOf(data: RowSet): string {
  const known = lists.get(data);
  if (known !== undefined) return known;
  const { files, entries, changes } = data;
  const moving = [...(changes?.values() ?? [])].flatMap(({ file, line, deleted, after }) =>
    deleted || after !== undefined ? [[file, line, after, deleted]] : [],
  );
  const name = JSON.stringify([entries.length, files?.map((file) => file?.version), moving]);
  lists.set(data, name);
  return name;
}

/** It follows the settings of a run, and is found by itself. */
const UNWRITABLE = 'unwritable-characters';
/** Those that are found by themselves: a check of the rows says nothing of them. */
const APART: ReadonlySet<FindingId> = new Set<FindingId>([UNWRITABLE, 'unlikely-label']);

export class Checks {
  readonly #found = new Map<FindingId, Listed>();

  /** @throws GraftError `worker-aborted` */
  async run(
    data: RowSet,
    open: Pick<OpenModel, 'tokenizer' | 'info'> | undefined,
    { onProgress, signal }: SliceWatch,
    besideRun: () => boolean = () => false,
  ): Promise<{ readonly findings: readonly PlacedFinding[]; readonly withModel: boolean }> {
    const { checkOpenRows } = await import('../../data/findings/open-rows.ts');
    const slices = new Slices(onProgress, signal, besideRun);
    const model = open && { tokenizer: open.tokenizer, vocabulary: open.info.vocabulary };
    const { findings, rows } = await checkOpenRows(data, model, slices);
    slices.check();
    const list = listOf(data);
    for (const id of this.#found.keys()) if (!APART.has(id)) this.#found.delete(id);
    for (const [id, found] of rows) this.#found.set(id, { list, rows: new Set(found) });
    return { findings, withModel: model !== undefined };
  }

  /** The rows of a finding in the list; none if it was not found in these rows. */
  rowsOf(data: RowSet, id: FindingId): ReadonlySet<number> {
    const found = this.#found.get(id);
    return found?.list === listOf(data) ? found.rows : new Set();
  }

  /** A finding that was measured by a tuned model; undefined if it has no rows. */
  async measured(data: RowSet, found: Found): Promise<PlacedFinding | undefined> {
    const { placedFound } = await import('../../data/findings/open-rows.ts');
    this.#found.set(found.id, { list: listOf(data), rows: new Set(found.rows) });
    return found.rows.length > 0 ? placedFound(found, data.entries) : undefined;
  }

  /** The finding of answers that the model cannot write. @param looked places of the rows that were looked at */
  async unwritable(data: RowSet, looked: readonly number[], found: Unwritable): Promise<PlacedFinding> {
    const [{ unwritableFinding }, { unwritableWords }] = await Promise.all([
      import('../../data/findings/open-rows.ts'),
      import('../../data/unwritable.ts'),
    ]);
    const rows = looked.filter((_, at) => found.touched[at]);
    this.#found.set(UNWRITABLE, { list: listOf(data), rows: new Set(rows) });
    return unwritableFinding(rows, found.of, unwritableWords(found), data.entries);
  }
}
