/** The rows of the open data that a measurement has asked: their places in the list, and the findings that they belong to. */
import { titleOf } from '../data/checked.ts';
import type { Item } from '../../evaluate/record.ts';
import type {
  DataOptions,
  DataSummary,
  FindingId,
  GraftWorker,
  ListedRow,
  PlacedFinding,
} from '../../worker/api.ts';

type Worker = Pick<GraftWorker, 'listRows'>;

/** Characters by which a question is recognised in the list, which shows the start of each row. */
const BEGINNING = 40;

const squeezed = (text: string): string => text.trim().replace(/\s+/g, ' ');

/** Whether a row of the list is the one that was asked, and was not changed since. */
export function isAsked({ line, prompt }: Item, row: Pick<ListedRow, 'line' | 'text'>): boolean {
  if (line !== row.line) return false;
  // A conversation is a turn a line, each with its role.
  const begins = [prompt, ...prompt.split('\n').map((turn) => turn.replace(/^\w+: /, ''))];
  return begins.some((text) => {
    const beginning = squeezed(text).slice(0, BEGINNING);
    return beginning !== '' && row.text.startsWith(beginning);
  });
}

/** Rows that are looked at for a question that is not at its place any more. */
const NEAR = 50;

/** The row of an item; undefined if the open rows do not have it in their test part. */
export async function rowOfItem(worker: Worker, item: Item): Promise<ListedRow | undefined> {
  const atPlace = await worker.listRows({ part: 'test', from: item.row ?? 0, count: 1 });
  const row = atPlace.ok ? atPlace.rows.find((one) => isAsked(item, one)) : undefined;
  if (row) return row;
  const found = await worker.listRows({ part: 'test', text: item.prompt, from: 0, count: NEAR });
  return found.ok ? found.rows.find((one) => isAsked(item, one)) : undefined;
}

const WINDOW = 500;

/** Places of the items that belong to each finding, by what it is called for so many rows; of findings with none of them nothing. */
export async function itemsOfFindings(
  worker: Worker,
  items: readonly Item[],
  findings: readonly PlacedFinding[],
  seen: { readonly summary: DataSummary; readonly options: DataOptions },
): Promise<ReadonlyMap<string, readonly number[]>> {
  const places = new Map<string, readonly number[]>();
  for (const finding of findings) {
    if (finding.count === 0) continue;
    const rows = await itemsOfFinding(worker, items, finding.id);
    if (rows.length > 0) places.set(titleOf({ ...finding, count: rows.length }, seen), rows);
  }
  return places;
}

async function itemsOfFinding(worker: Worker, items: readonly Item[], finding: FindingId): Promise<number[]> {
  const byLine = new Map<number, number[]>();
  items.forEach(({ line }, at) => {
    if (line !== undefined) byLine.set(line, [...(byLine.get(line) ?? []), at]);
  });
  const found = new Set<number>();
  for (let from = 0, total = 1; from < total; from += WINDOW) {
    const window = await worker.listRows({ part: 'test', finding, from, count: WINDOW });
    if (!window.ok) break;
    ({ total } = window);
    for (const row of window.rows)
      for (const at of byLine.get(row.line) ?? []) if (isAsked(items[at], row)) found.add(at);
  }
  return [...found].sort((a, b) => a - b);
}
