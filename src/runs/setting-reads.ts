/** Which settings a computation reads. Its result holds for all specifications that agree in these, so no list of them can lack one. */
import type { RunSpec } from '../settings/spec.ts';

/** Notes what is read of a specification. */
export class SettingReads {
  /** The specification, for the computation. */
  readonly options: RunSpec;
  readonly #given: RunSpec;
  readonly #names = new Set<string>();
  /** Whether all settings were listed, as a copy does: then every one counts. */
  #isListed = false;

  constructor(given: RunSpec) {
    this.#given = given;
    const note = (name: string | symbol): void => void (typeof name === 'string' && this.#names.add(name));
    this.options = new Proxy(given, {
      get: (target, name): unknown => {
        note(name);
        return Reflect.get(target, name);
      },
      has: (target, name) => {
        note(name);
        return Reflect.has(target, name);
      },
      ownKeys: (target) => {
        this.#isListed = true;
        return Reflect.ownKeys(target);
      },
    });
  }

  /** Whether a computation on `other` reads the same. */
  agree(other: RunSpec): boolean {
    return this.#isListed
      ? isSame(this.#given, other)
      : [...this.#names].every((name) => isSame(at(this.#given, name), at(other, name)));
  }
}

const at = (spec: RunSpec, name: string): unknown => Reflect.get(spec, name);

/** Settings are plain data. */
const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
