/** Copies the state of tokens from one sequence to others, so that sequences that start alike have their start computed once. */
import { gatherRows, NO_ROW } from '../engine/ops/gather_rows.ts';
import { scatterRows } from '../engine/ops/scatter_rows.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { GenerationState } from './generation-state.ts';
import type { LanguageModel } from './language-model.ts';
import type { CopiedTokens } from './layer-state.ts';

/** Rows that one replay copies in each tensor. */
const ROWS = 64;
const KEPT = ['all', 'recent'] as const;

/** Inputs of the plan: rows of the tensors that keep all tokens, or only the last ones. */
interface Copied {
  readonly kept: (typeof KEPT)[number];
  readonly sources: Tensor;
  readonly targets: Tensor;
}

export class CacheCopy {
  private constructor(
    private readonly plan: Plan,
    private readonly state: GenerationState,
    private readonly copied: readonly Copied[],
  ) {}

  static async compile({ device, pool }: LanguageModel, state: GenerationState): Promise<CacheCopy> {
    const tape = new Tape(device);
    const copied = KEPT.filter((kept) => state.tensors(kept).length > 0).map((kept): Copied => {
      const sources = tape.pinned([ROWS], 'u32', `copied rows, ${kept}`);
      const targets = tape.pinned([ROWS], 'u32', `rows of the copy, ${kept}`);
      for (const part of state.tensors(kept))
        scatterRows(tape, gatherRows(tape, part, sources), part, targets);
      return { kept, sources, targets };
    });
    return new CacheCopy(await device.compile(tape, pool), state, copied);
  }

  /** Submits the copies. Nothing that is copied is a copy of the same call. */
  copy(pieces: readonly CopiedTokens[]): void {
    const rows = pieces.map((piece) => this.state.rows.copied(piece));
    const all = this.copied.map((input) => ({ ...input, rows: rows.flatMap((of) => of[input.kept]) }));
    const most = all.reduce((max, one) => Math.max(max, one.rows.length), 0);
    for (let start = 0; start < most; start += ROWS) {
      for (const one of all) {
        const [sources, targets] = [0, 1].map(() => new Uint32Array(ROWS).fill(NO_ROW));
        one.rows.slice(start, start + ROWS).forEach(([from, to], at) => {
          sources[at] = from;
          targets[at] = to;
        });
        this.plan.write(one.sources, sources);
        this.plan.write(one.targets, targets);
      }
      this.plan.run();
    }
  }

  destroy(): void {
    this.plan.destroy();
  }
}
