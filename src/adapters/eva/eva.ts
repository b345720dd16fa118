/**
 * EVA (Paischer et al., 2024), as PEFT has it: LoRA whose first matrix starts as the directions in which a layer's inputs vary most over the rows of
 * the run, and whose rank is shared among layers by how much of that variance they explain. B starts as zero, so the model starts as the base.
 *
 *   C = Σ (x − mean)(x − mean)ᵀ = V · Σ² · Vᵀ        A₀ = the first rows of Vᵀ        explained by v: σ² / trace C
 *
 * PEFT keeps the leading vectors of the rows read so far and decomposes them with each batch again, since it wants no matrix of the width of a layer
 * squared. The sums here keep everything. Where PEFT's decomposition converges, both give the same subspace: it drops only the directions after those
 * that it keeps. Sums of wide layers are large, so as many as fit in a fixed memory are added up at once, and the rows are read again for the next
 * ones.
 */
import { GraftError } from '../../errors.ts';
import { linear } from '../../engine/ops/linear.ts';
import type { AdapterKind, AdapterTensors, RowInputs, RowsStart, StartProgress } from '../kind.ts';
import {
  loraFacts,
  loraModule,
  loraRank,
  modulesBeside,
  tensorNames,
  type LoraConfig,
  type LoraModule,
} from '../lora/config.ts';
import { loraParameters, lowRank } from '../lora/lora.ts';
import { mergeLora } from '../lora/merge.ts';
import { readLora, writeLora } from '../lora/peft.ts';
import {
  leadingVectors,
  planSearch,
  type Decomposition,
  type SvdOptions,
  type RequestedVectors,
} from '../svd.ts';
import type { Random } from '../../random.ts';
import { checkEva, evaAsLora, evaConfig, evaSettings, withRank, type EvaConfig } from './config.ts';
import { mostRank, sharedRanks } from './ranks.ts';
import { EVA } from './settings.ts';

const KIND = EVA.name;
/** The sums are f32, so vectors turn by about this in their last digits. Used as `settled` of a search. */
const SETTLED = 1e-8;
/** Iterations when vectors are only compared with those of an earlier batch: PEFT's number. */
const ROUGH_ITERATIONS = 4;

/** An input of layers, and how many of its directions may be wanted. */
interface Input {
  readonly place: number;
  readonly paths: readonly string[];
  readonly width: number;
  readonly max: number;
  /** Directions that have to agree before reading stops: the rank of a layer before ranks are shared. */
  readonly min: number;
}

interface Found extends Input {
  readonly vectors: Decomposition;
  /** Share of the input's variance. */
  readonly ratios: Float64Array;
}

const fromRows: RowsStart<EvaConfig, LoraModule> = {
  readsPrompts: ({ evaLabelMask }) => !evaLabelMask,

  async begin(rows, config, modules, { random, report }) {
    const groups = inputGroups(rows, config, modules);
    const found: Found[] = [];
    const inputs = groups.flat().length;
    for (const [at, group] of groups.entries()) {
      // Each group reads the rows again and finds the vectors of its own inputs.
      const { length: before } = found;
      const tellGroup = ({ what, done, total }: StartProgress): void =>
        report(
          what === 'reading'
            ? { what, done: at * total + done, total: groups.length * total }
            : { what, done: before + done, total: inputs },
        );
      found.push(...(await directions(rows, config, group, { random, report: tellGroup })));
    }
    const own = modules.filter(({ kind }) => kind === KIND);
    const budget = own.reduce((sum, { rank }) => sum + rank, 0);
    const ranks =
      config.evaRho === 1 ? new Map(own.map(({ path, rank }) => [path, rank])) : sharedRanks(found, budget);
    const layers = modules.flatMap((module) => {
      if (module.kind !== KIND) return [module];
      const rank = ranks.get(module.path)!;
      return rank === 0 ? [] : [withRank(module, config, rank)];
    });
    return { modules: layers, tensors: values(layers, config, found) };
  },

  async plan(rows, config, modules) {
    for (const group of inputGroups(rows, config, modules)) {
      const sums = await rows.measure(group.map(({ place }) => place));
      await planSearch(rows.device, wanted(group, await sums.sums()));
      sums.destroy();
    }
  },

  largest(config, modules) {
    if (config.evaRho === 1) return modules;
    const own = modules.filter(({ kind }) => kind === KIND);
    // The ranks of a parameter are rounded up to four on the device.
    const MAX_PADDING = 3;
    let left = own.reduce((sum, { rank }) => sum + rank, 0);
    // Layers that share an input may each get as much as the layer with the highest rank.
    const highest = Math.max(...own.map(({ rank }) => rank));
    const ranks = new Map<string, number>();
    for (const { path, inputs } of [...own].sort((a, b) => b.inputs + b.outputs - a.inputs - a.outputs)) {
      const max = mostRank(highest, config.evaRho, inputs);
      const taken = Math.min(max, left);
      left -= taken;
      ranks.set(path, Math.min(max, taken + MAX_PADDING));
    }
    return modules.map((module) =>
      module.kind === KIND ? withRank(module, config, ranks.get(module.path)!) : module,
    );
  },

  saved(module, config, size) {
    if (module.kind !== KIND) return module;
    const length = size(tensorNames(module.path).a);
    return length === undefined ? undefined : withRank(module, config, length / module.inputs);
  },
};

export const eva: AdapterKind<EvaConfig, LoraModule> = {
  name: KIND,
  label: EVA.label,
  formula: 'W + s · B · A',
  config: evaConfig,
  settings: evaSettings,
  facts: loraFacts,
  check: checkEva,
  module: (layer, config, found) => ({ ...loraModule(layer, config, found), kind: KIND }),
  beside: modulesBeside,
  parameters: loraParameters,
  initial: () => [],
  fromRows,
  linear: (tape, x, { weight, ...options }, module, context) =>
    linear(tape, x, weight, { ...options, lora: lowRank(module, context) }),
  merge: mergeLora,
  portable: (config, modules, tensors) => ({
    config: evaAsLora(
      config,
      modules.filter(({ kind }) => kind === KIND),
    ),
    modules: modules.map(({ kind, ...module }) => (kind === KIND ? module : { kind, ...module })),
    tensors,
  }),
  // The result is plain LoRA, also in PEFT.
  isPeft: () => false,
  readPeft: (reader) => evaConfig({ ...readLora(reader) }),
  writePeft: (config) => writeLora(config satisfies LoraConfig, false),
};

/** The inputs of the layers that have an adapter, in groups whose sums fit in memory at once. */
function inputGroups(
  { inputs, mostBytes }: RowInputs,
  config: EvaConfig,
  modules: readonly LoraModule[],
): Input[][] {
  const own = new Set(modules.filter(({ kind }) => kind === KIND).map(({ path }) => path));
  const groups: Input[][] = [];
  let bytes = 0;
  inputs.forEach(({ paths: all, width }, place) => {
    const paths = all.filter((path) => own.has(path));
    if (paths.length === 0) return;
    const ranks = paths.map((path) => loraRank(config, path));
    const input: Input = {
      ...{ place, paths, width },
      max: Math.max(...ranks.map((rank) => mostRank(rank, config.evaRho, width))),
      min: Math.max(...ranks),
    };
    const own4 = width * width * 4;
    const group = groups.at(-1);
    if (group && bytes + own4 <= mostBytes) {
      group.push(input);
      bytes += own4;
    } else {
      groups.push([input]);
      bytes = own4;
    }
  });
  return groups;
}

const wanted = (
  group: readonly Input[],
  sums: readonly { readonly matrix: RequestedVectors['matrix']; readonly less: RequestedVectors['less'] }[],
  before?: readonly Decomposition[],
): RequestedVectors[] =>
  group.map(({ max }, at) => ({
    matrix: sums[at].matrix,
    less: sums[at].less,
    rank: max,
    near: before?.[at].right,
  }));

/**
 * Reads rows until another batch leaves the directions as they are, or there are no more. PEFT compares after each batch; here it is after the second,
 * the fourth, the eighth and so on, since looking takes longer than reading.
 */
async function directions(
  rows: RowInputs,
  { evaTau }: EvaConfig,
  group: readonly Input[],
  { random, report }: { random: Random; report: (progress: StartProgress) => void },
): Promise<Found[]> {
  const sums = await rows.measure(group.map(({ place }) => place));
  const max = Math.max(...group.map((input) => input.max));
  const read = (until: number): Promise<void> =>
    sums.read(until, (done) => report({ what: 'reading', done, total: rows.batches }));
  const search = async (
    until: Pick<SvdOptions, 'iterations' | 'settled'>,
    near?: readonly Decomposition[],
  ): Promise<Decomposition[]> =>
    leadingVectors(rows.device, wanted(group, await sums.sums(), near), {
      ...{ random, ...until },
      report: (done, total) => report({ what: 'vectors', done, total }),
    });
  try {
    let now: Decomposition[] | undefined;
    for (let until = 2; evaTau < 1 && until < rows.batches; until *= 2) {
      await read(until - 1);
      // So few tokens do not have that many directions.
      if (sums.tokens <= max) continue;
      const before = await search({ iterations: ROUGH_ITERATIONS }, now);
      await read(until);
      now = await search({ iterations: ROUGH_ITERATIONS }, before);
      const after = now;
      if (group.every(({ min }, at) => alike(before[at], after[at], min, evaTau)))
        return await explained(group, sums, await search({ settled: SETTLED }, now));
    }
    await read(rows.batches);
    if (sums.tokens <= max)
      throw new GraftError(
        'train-rows',
        `EVA looks for ${max} directions, and the rows of the run give it ${sums.tokens} tokens.`,
        'Give more rows, or choose a smaller rank or rho.',
      );
    return await explained(group, sums, await search({ settled: SETTLED }, now));
  } finally {
    if (!rows.device.failure) await rows.device.settle();
    sums.destroy();
  }
}

/** Whether the first directions are the same, up to their sign. */
function alike(before: Decomposition, now: Decomposition, count: number, tau: number): boolean {
  const cosine = (a: Float64Array, b: Float64Array): number =>
    Math.abs(a.reduce((sum, value, i) => sum + value * b[i], 0));
  return now.right.slice(0, count).every((row, at) => cosine(row, before.right[at]) >= tau);
}

async function explained(
  group: readonly Input[],
  sums: Awaited<ReturnType<RowInputs['measure']>>,
  vectors: readonly Decomposition[],
): Promise<Found[]> {
  const all = await sums.sums();
  return group.map((input, at) => ({
    ...input,
    vectors: vectors[at],
    ratios: vectors[at].values.map((value) => value / all[at].trace),
  }));
}

/** A as directions, B as zeros. */
function values(
  layers: readonly LoraModule[],
  { evaWhiten }: EvaConfig,
  found: readonly Found[],
): AdapterTensors {
  const tensors = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { path, kind, rank, inputs, outputs } of layers) {
    if (kind !== KIND) continue;
    const { vectors } = found.find(({ paths }) => paths.includes(path))!;
    const a = new Float32Array(rank * inputs);
    for (let r = 0; r < rank; r++) {
      const row = vectors.right[r];
      // The values are those of the sums: squares of singular values.
      const factor = signOf(row) * (evaWhiten ? vectors.values[r] ** -0.25 : 1);
      for (let k = 0; k < inputs; k++) a[r * inputs + k] = factor * row[k];
    }
    const names = tensorNames(path);
    tensors.set(names.a, a);
    tensors.set(names.b, new Float32Array(outputs * rank));
  }
  return tensors;
}

/** As PEFT chooses the sign of a direction: its largest number is above zero. */
function signOf(row: Float64Array): number {
  const largest = row.reduce((max, value) => (Math.abs(value) > Math.abs(max) ? value : max), 0);
  return largest < 0 ? -1 : 1;
}
