/** Keeps named results of a model, and their gradients, for the host. */
import { copy } from '../engine/ops/add.ts';
import type { Plan } from '../engine/plan.ts';
import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import { nearestName } from '../nearest-name.ts';

/** A result of a model. */
export interface Observation {
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** The gradient of the loss; undefined without a backward pass, or if none reaches the result. */
  readonly gradient?: Float32Array;
}

interface Kept {
  readonly value: Tensor;
  gradient?: Tensor;
}

/** For one tape. What it observes is copied where it is made, so that later operations may write over it. */
export class Observer {
  /** Names, and what each matches. */
  readonly #wanted: ReadonlyMap<string, RegExp>;
  readonly #offered = new Set<string>();
  readonly #kept = new Map<string, Kept>();

  /** @param names of the results to keep: see `Graph`. A star stands for one part of a name. */
  constructor(
    private readonly tape: Tape,
    names: Iterable<string>,
  ) {
    this.#wanted = new Map(Array.from(names, (name) => [name, patternOf(name)]));
  }

  /** Whether a result is to be kept. */
  wants(name: string): boolean {
    this.#offered.add(name);
    return [...this.#wanted.values()].some((pattern) => pattern.test(name));
  }

  /** Keeps x, and its gradient if a backward is recorded. @returns x for what comes after */
  see(name: string, x: Tensor): Tensor {
    if (!this.wants(name)) return x;
    const kept = this.keep(name, x);
    return this.tape.observe(x, (gradient) => {
      kept.gradient ??= this.tape.pinned(x.shape, 'f32', `d ${name}`);
      copy(this.tape, gradient, kept.gradient);
    });
  }

  /** Keeps the values of x. A layer that is recorded again for its backward keeps them in the same place. */
  keep(name: string, x: Tensor): Kept {
    let kept = this.#kept.get(name);
    if (!kept) this.#kept.set(name, (kept = { value: this.tape.pinned(x.shape, 'f32', name) }));
    copy(this.tape, x, kept.value);
    return kept;
  }

  /** Call once the model is recorded. @throws GraftError `observe-name` for a name that it does not have */
  check(): void {
    for (const [name, pattern] of this.#wanted) {
      if ([...this.#offered].some((one) => pattern.test(one))) continue;
      const near = nearestName(name, [...this.#offered]);
      throw new GraftError(
        'observe-name',
        `The model has no result named ${name}.${near ? ` Did you mean ${near}?` : ''}`,
        'Results are named by modules, such as model.layers.0.mlp.down_proj, or hidden.0 and attention.0.',
      );
    }
  }

  /** Reads what was kept, after a replay. */
  async read(plan: Plan): Promise<Map<string, Observation>> {
    const observed = new Map<string, Observation>();
    for (const [name, { value, gradient }] of this.#kept)
      observed.set(name, {
        shape: value.shape,
        values: new Float32Array(await plan.read(value)),
        ...(gradient && { gradient: new Float32Array(await plan.read(gradient)) }),
      });
    return observed;
  }
}

function patternOf(name: string): RegExp {
  const parts = name.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^.]*')}$`);
}
