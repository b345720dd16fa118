/** Rows that can be used, with their places and what was decided about them. Those of a large file are read as they are asked for. */
import type { Example } from '../data/example.ts';
import type { RowStatus } from '../data/parts.ts';
import type { PreparedRow } from '../data/prepare.ts';
import type { Hashes } from '../data/row-hashes.ts';
import type { TakenRows } from '../data/taken-rows.ts';
import { isHeld, itemOf, type List } from '../lists.ts';
import type { Task } from '../text/trainable.ts';

export interface PlacedRow {
  readonly file: number;
  readonly line: number;
  /** Missing for a part of a document. */
  readonly example?: Example;
  readonly row: PreparedRow;
  readonly fate: RowStatus;
  /** Whether the limit cut it. */
  readonly cut: boolean;
  /** Its task, in a mixture. */
  readonly task?: Task;
  /** The hashes of its content, if they are known without reading it. */
  readonly hashes?: Hashes;
}

/** A row of a large file. Its example is read, and its tokens are made, when they are asked for. */
class TakenRow implements PlacedRow {
  #example: Example | undefined;
  #made: ReturnType<TakenRows['madeAt']> | undefined;

  constructor(
    private readonly taken: TakenRows,
    private readonly place: number,
  ) {}

  get file(): number {
    return this.taken.placeOf(this.place).file;
  }

  get line(): number {
    return this.taken.placeOf(this.place).line;
  }

  get example(): Example {
    return (this.#example ??= this.taken.exampleOf(this.place));
  }

  get row(): PreparedRow {
    return this.#read().row;
  }

  get cut(): boolean {
    return this.#read().cut;
  }

  get fate(): RowStatus {
    return this.taken.fates[this.place];
  }

  get task(): Task | undefined {
    return this.taken.taskOf?.(this.place);
  }

  get hashes(): Hashes {
    return this.taken.hashesOf(this.place);
  }

  #read(): ReturnType<TakenRows['madeAt']> {
    return (this.#made ??= this.taken.madeAt(this.place));
  }
}

/** The rows of files that are too large to hold. */
export function placedRowsOf(taken: TakenRows): List<PlacedRow> {
  const { length } = taken.fates;
  return { length, at: (place) => (place >= 0 && place < length ? new TakenRow(taken, place) : undefined) };
}

/** Those of which the fate, or the place in the list, fits, in their order. */
export function rowsWith(
  rows: List<PlacedRow>,
  fits: (fate: RowStatus, place: number) => boolean,
): List<PlacedRow> {
  if (isHeld(rows)) return rows.filter(({ fate }, place) => fits(fate, place));
  const places = new Uint32Array(rows.length);
  let length = 0;
  for (let place = 0; place < rows.length; place++)
    if (fits(itemOf(rows, place).fate, place)) places[length++] = place;
  const own = places.slice(0, length);
  return { length, at: (index) => (index in own ? rows.at(own[index]) : undefined) };
}
