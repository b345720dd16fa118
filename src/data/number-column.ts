/** A list of numbers that grows without an object for each. */

const FIRST_ROOM = 256;

export class NumberColumn<Numbers extends Float64Array | Uint32Array | Uint8Array = Uint32Array> {
  length = 0;

  constructor(private numbers: Numbers) {}

  push(value: number): void {
    if (this.length === this.numbers.length) this.#grow(2 * this.length);
    this.numbers[this.length++] = value;
  }

  /** Adds many numbers. */
  append(values: ArrayLike<number>): void {
    const length = this.length + values.length;
    if (length > this.numbers.length) this.#grow(Math.max(length, 2 * this.length));
    this.numbers.set(values, this.length);
    this.length = length;
  }

  /** Makes room for so many in all, so that it need not grow as they come. */
  reserve(room: number): void {
    if (room > this.numbers.length) this.#grow(room);
  }

  #grow(room: number): void {
    const Larger = this.numbers.constructor as new (length: number) => Numbers;
    const larger = new Larger(room);
    larger.set(this.numbers);
    this.numbers = larger;
  }

  at(index: number): number {
    return this.numbers[index];
  }

  /** @param index of a number that is there */
  set(index: number, value: number): void {
    this.numbers[index] = value;
  }

  /** The numbers so far, which share their memory with the list. */
  get all(): Numbers {
    return this.numbers.subarray(0, this.length) as Numbers;
  }
}

/** Unsigned numbers of 32 bits. @param room for so many, which is not outgrown */
export const wholeNumbers = (room = 0): NumberColumn =>
  new NumberColumn(new Uint32Array(Math.max(FIRST_ROOM, room)));

/** Numbers from 0 to 255. */
export const smallNumbers = (): NumberColumn<Uint8Array> => new NumberColumn(new Uint8Array(FIRST_ROOM));

export const floats = (): NumberColumn<Float64Array> => new NumberColumn(new Float64Array(FIRST_ROOM));
