/** WebGPU's lowering: which dispatches each kind of operation becomes. One line here for each file in lower/. */
import { LoweringTable, type Command, type Lowering } from '../lowering.ts';
import type { Operation } from '../operation.ts';
import { Dispatches, parameterBytes, type Dispatch } from './dispatch.ts';
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
import { shadersHash } from './shader.ts';
import { splitIntoSubmits } from './pace.ts';
import type { GpuTarget } from './target.ts';

const TABLE = new LoweringTable<Dispatches>('WebGPU', [
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

/** Identifies the shaders of all lowerings. Those that optimisers bring are read later and do not count. */
export const SHADERS = shadersHash();

/** Parameters of dispatches lie one after the other, from multiples of this on: WebGPU's smallest alignment of a binding. */
const UNIFORM_ALIGNMENT = 256;

/** Bytes from the parameters of a dispatch to those of the next. */
export function alignedParameters(dispatch: Dispatch): number {
  return Math.max(1, Math.ceil(parameterBytes(dispatch) / UNIFORM_ALIGNMENT)) * UNIFORM_ALIGNMENT;
}

export class GpuLowering implements Lowering<Dispatch> {
  /** @param target asked at each use: a device is measured after it is opened */
  constructor(readonly target: GpuTarget) {}

  lower(operations: readonly Operation[]): Dispatch[] {
    return TABLE.lower(operations, new Dispatches(this.target)).list;
  }

  parameterBytes(commands: readonly Dispatch[]): number {
    return commands.reduce((sum, dispatch) => sum + alignedParameters(dispatch), 0) || UNIFORM_ALIGNMENT;
  }

  allocationBytes(bytes: number): number {
    return Math.max(16, Math.ceil(bytes / 16) * 16);
  }

  /** Groups of full submits. @param slowness times as slow as the tuning says */
  split<D extends Command>(commands: readonly D[], slowness = 1): D[][] {
    return splitIntoSubmits(commands, this.target.tuning, slowness);
  }
}
