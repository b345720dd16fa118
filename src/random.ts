/**
 * The one seeded generator: xoshiro128** 1.1 (Blackman & Vigna, https://prng.di.unimi.it/xoshiro128starstar.c), seeded by splitmix32.
 * Integer arithmetic on 32 bits only, so that every browser and Node give the same sequence. Not for secrets.
 */
type RandomState = [number, number, number, number];

export class Random {
  #s0: number;
  #s1: number;
  #s2: number;
  #s3: number;

  /** @param seed any finite number; its integer part's low 53 bits choose the sequence. */
  constructor(seed: number) {
    const whole = Math.trunc(Math.abs(seed)) % 2 ** 53;
    let x = (whole >>> 0) ^ Math.imul(Math.floor(whole / 2 ** 32), 0x85ebca6b) ^ (seed < 0 ? 0x5bd1e995 : 0);
    // splitmix32: each output is a hash of a Weyl sequence, so that near seeds give far states and the state is never all zero.
    const split = (): number => {
      x = (x + 0x9e3779b9) | 0;
      let z = x ^ (x >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    this.#s0 = split();
    this.#s1 = split();
    this.#s2 = split();
    this.#s3 = split();
  }

  /** Continues a sequence from a serialised {@link state}. Throws RangeError on anything that isn't one. */
  static from(state: readonly number[]): Random {
    const random = new Random(0);
    random.state = state as RandomState;
    return random;
  }

  /** Four uint32, not all zero: the whole state of the generator. */
  get state(): RandomState {
    return [this.#s0, this.#s1, this.#s2, this.#s3];
  }

  set state(state: RandomState) {
    const valid =
      state.length === 4 && state.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32);
    if (!valid || state.every((word) => word === 0)) {
      throw new RangeError(`not a generator state: ${JSON.stringify(state)}`);
    }
    [this.#s0, this.#s1, this.#s2, this.#s3] = state;
  }

  /** A uint32. */
  next(): number {
    const product = Math.imul(this.#s1, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = this.#s1 << 9;
    this.#s2 ^= this.#s0;
    this.#s3 ^= this.#s1;
    this.#s1 = (this.#s1 ^ this.#s2) >>> 0;
    this.#s0 = (this.#s0 ^ this.#s3) >>> 0;
    this.#s2 = (this.#s2 ^ t) >>> 0;
    this.#s3 = ((this.#s3 << 11) | (this.#s3 >>> 21)) >>> 0;
    return result;
  }

  /** Uniform in [0, 1), with 32 random bits. */
  float(): number {
    return this.next() / 2 ** 32;
  }

  /** Uniform in [0, 1) with 24 random bits: as much as an f32 holds without rounding up to 1. */
  unitFloat32(): number {
    return (this.next() >>> 8) / 2 ** 24;
  }

  /** A uniform integer in [0, n), 1 ≤ n ≤ 2³², without modulo bias (draws again in the uneven rest). @throws RangeError for another n */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new RangeError(`below(${n})`);
    const uneven = 2 ** 32 % n;
    for (;;) {
      const draw = this.next();
      if (draw >= uneven) return draw % n;
    }
  }

  /** Fisher–Yates in place; returns the same array. */
  shuffle<T extends { length: number; [index: number]: unknown }>(array: T): T {
    for (let i = array.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const kept = array[i];
      array[i] = array[j];
      array[j] = kept;
    }
    return array;
  }
}
