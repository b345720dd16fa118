/** Copies keys and values inside a cache, so that sequences that start alike have their start computed once. */
import { gatherRows, NO_ROW } from '../engine/ops/gather_rows.ts';
import { scatterRows } from '../engine/ops/scatter_rows.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { LanguageModel } from './language-model.ts';
import type { Cache } from './replays.ts';

/** Rows of the cache that one replay copies. */
const ROWS = 64;

/** A piece of the cache, in rows. */
export interface CopiedRows {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export class CacheCopy {
  private constructor(
    private readonly plan: Plan,
    private readonly sources: Tensor,
    private readonly targets: Tensor,
  ) {}

  static async compile({ device, pool }: LanguageModel, { keys, values }: Cache): Promise<CacheCopy> {
    const tape = new Tape(device);
    const sources = tape.pinned([ROWS], 'u32', 'copied rows');
    const targets = tape.pinned([ROWS], 'u32', 'rows of the copy');
    for (const part of [...keys, ...values])
      scatterRows(tape, gatherRows(tape, part, sources), part, targets);
    return new CacheCopy(await device.compile(tape, pool), sources, targets);
  }

  /** Submits the copies. Nothing that is copied is a copy of the same call. */
  copy(pieces: readonly CopiedRows[]): void {
    const rows = pieces.flatMap(({ from, to, count }) =>
      Array.from({ length: count }, (_, at) => [from + at, to + at] as const),
    );
    for (let start = 0; start < rows.length; start += ROWS) {
      const piece = rows.slice(start, start + ROWS);
      const [sources, targets] = [0, 1].map(() => new Uint32Array(ROWS).fill(NO_ROW));
      piece.forEach(([from, to], at) => {
        sources[at] = from;
        targets[at] = to;
      });
      this.plan.write(this.sources, sources);
      this.plan.write(this.targets, targets);
      this.plan.run();
    }
  }

  destroy(): void {
    this.plan.destroy();
  }
}
