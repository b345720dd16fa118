/** The CPU's lowering: which commands each kind of operation becomes. One line here for each file in lower/. */
import { LoweringTable, type Command, type Lowering } from '../lowering.ts';
import type { Operation } from '../operation.ts';
import { COMMAND_BYTES, Commands, SCRATCH_BYTES, type CpuCommand } from './command.ts';
import { ALIGNMENT, FIRST_BYTES } from './heap.ts';
import { activationLowerings } from './lower/activation.ts';
import { addLowerings } from './lower/add.ts';
import { attentionLowerings } from './lower/attention.ts';
import { attentionMapLowerings } from './lower/attention-map.ts';
import { columnSumLowerings } from './lower/column-sum.ts';
import { contrastiveLossLowerings } from './lower/contrastive-loss.ts';
import { crossEntropyLowerings } from './lower/cross-entropy.ts';
import { depthwiseConvLowerings } from './lower/depthwise-conv.ts';
import { dropoutLowerings } from './lower/dropout.ts';
import { embeddingLowerings } from './lower/embedding.ts';
import { expertLinearLowerings } from './lower/expert-linear.ts';
import { gatherRowsLowerings } from './lower/gather-rows.ts';
import { layerNormLowerings } from './lower/layer-norm.ts';
import { matmulLowerings } from './lower/matmul.ts';
import { optimiserLowerings } from './lower/optimiser.ts';
import { ownKernelLowerings } from './lower/own-kernel.ts';
import { pairLossLowerings } from './lower/pair-loss.ts';
import { policyLossLowerings } from './lower/policy-loss.ts';
import { rmsNormLowerings } from './lower/rms-norm.ts';
import { ropeLowerings } from './lower/rope.ts';
import { routingLowerings } from './lower/routing.ts';
import { rowNormLowerings } from './lower/row-norm.ts';
import { samplingLowerings } from './lower/sampling.ts';
import { scaleColumnsLowerings } from './lower/scale-columns.ts';
import { scaleRowsLowerings } from './lower/scale-rows.ts';
import { scatterRowsLowerings } from './lower/scatter-rows.ts';
import { sequenceSumsLowerings } from './lower/sequence-sums.ts';
import { splitColumnsLowerings } from './lower/split-columns.ts';
import { weightedRowsLowerings } from './lower/weighted-rows.ts';
import { weightedSumLowerings } from './lower/weighted-sum.ts';
import type { CpuTarget } from './target.ts';

const TABLE = new LoweringTable<Commands>('The CPU', [
  ...activationLowerings,
  ...addLowerings,
  ...attentionLowerings,
  ...attentionMapLowerings,
  ...columnSumLowerings,
  ...contrastiveLossLowerings,
  ...crossEntropyLowerings,
  ...depthwiseConvLowerings,
  ...dropoutLowerings,
  ...embeddingLowerings,
  ...expertLinearLowerings,
  ...gatherRowsLowerings,
  ...layerNormLowerings,
  ...matmulLowerings,
  ...optimiserLowerings,
  ...ownKernelLowerings,
  ...pairLossLowerings,
  ...policyLossLowerings,
  ...rmsNormLowerings,
  ...ropeLowerings,
  ...routingLowerings,
  ...rowNormLowerings,
  ...samplingLowerings,
  ...scaleColumnsLowerings,
  ...scaleRowsLowerings,
  ...scatterRowsLowerings,
  ...sequenceSumsLowerings,
  ...splitColumnsLowerings,
  ...weightedRowsLowerings,
  ...weightedSumLowerings,
]);

/** Lowers tapes to calls of the kernels of the CPU engine. Sizes are in bytes. */
export class CpuLowering implements Lowering<CpuCommand> {
  readonly readsInPlace = true;

  constructor(readonly target: CpuTarget) {}

  /** Control words of the threads, and the scratch memory of each. */
  get deviceBytes(): number {
    return FIRST_BYTES + this.target.threads * SCRATCH_BYTES;
  }

  lower(operations: readonly Operation[]): CpuCommand[] {
    return TABLE.lower(operations, new Commands(this.target)).list;
  }

  parameterBytes(commands: readonly CpuCommand[]): number {
    return Math.max(1, commands.length) * COMMAND_BYTES;
  }

  allocationBytes(bytes: number): number {
    return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
  }

  /** One group: on a processor there is nothing to split a plan for. */
  split<D extends Command>(commands: readonly D[]): D[][] {
    return [[...commands]];
  }
}
