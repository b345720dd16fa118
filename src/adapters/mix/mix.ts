/**
 * One LoRA adapter made of several, as PEFT's `add_weighted_adapter` does it (peft/tuners/lora/model.py). The new adapter has alpha = rank, so that its
 * matrices are ΔW by themselves.
 */
import { GraftError } from '../../errors.ts';
import type { Random } from '../../random.ts';
import type { AdapterConfig, AdapterModule, AdapterTensors } from '../kind.ts';
import { loraModule, tensorNames, type LoraConfig, type LoraModule } from '../lora/config.ts';
import { LARGEST_RANK } from '../lora/settings.ts';
import { isBeside, kindOf } from '../registry.ts';
import { isTarget } from '../targets.ts';
import { addScaled } from '../vectors.ts';
import {
  CHANGE_METHODS,
  combine,
  FACTOR_METHODS,
  type ChangeMethod,
  type FactorMethod,
  type MajoritySign,
} from './combine.ts';
import { denseSvd } from './dense-svd.ts';
import { factorSvd } from './factor-svd.ts';

export const MIX_METHODS = [
  'linear',
  'cat',
  'svd',
  'ties',
  'magnitude-prune',
  'dare-linear',
  'dare-ties',
  'ties-svd',
  'magnitude-prune-svd',
  'dare-linear-svd',
  'dare-ties-svd',
] as const;
export type MixMethod = (typeof MIX_METHODS)[number];

const isFactorMethod = (method: MixMethod): method is FactorMethod =>
  (FACTOR_METHODS as readonly string[]).includes(method);
const isChangeMethod = (method: MixMethod): method is ChangeMethod => Object.hasOwn(CHANGE_METHODS, method);
/** Whether the result gets the rank that is asked for. */
export const cutsRank = (method: MixMethod): boolean => method === 'svd' || isChangeMethod(method);

/** An adapter to mix. */
export interface MixPart {
  /** For messages. */
  readonly name: string;
  readonly weight: number;
  readonly config: AdapterConfig;
  readonly modules: readonly AdapterModule[];
  readonly tensors: AdapterTensors;
}

interface MixOptions {
  readonly method: MixMethod;
  /** For `svd` and the methods that end in it: the rank of the new adapter; the largest of the parts if left out. */
  readonly rank?: number | undefined;
  /** For the methods that prune. */
  readonly density: number;
  readonly majoritySign: MajoritySign;
  readonly random: Random;
}

/** What a layer of the new adapter does to its weight. */
interface ModuleSpectrum {
  readonly name: string;
  /** Singular values of ΔW, largest first: if the rank is cut, before that; otherwise of what was written. */
  readonly singularValues: readonly number[];
  /** The share of the sum of their squares that the new adapter has. */
  readonly keptShare: number;
  /** Frobenius norm of what the cut took, relative to that of ΔW: √(1 − keptShare), with all its digits. */
  readonly relativeError: number;
}

export interface Mixed {
  readonly config: LoraConfig;
  readonly modules: readonly LoraModule[];
  readonly tensors: AdapterTensors;
  readonly spectra: readonly ModuleSpectrum[];
}

/** A layer of a part: A [rank, inputs], B [outputs, rank], and its weight times its scale. */
interface Term {
  readonly part: MixPart;
  readonly module: LoraModule;
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly factor: number;
}

/** @throws GraftError `mix` for adapters that cannot be mixed in this way, saying what can be done */
export function mixAdapters(parts: readonly MixPart[], options: MixOptions): Mixed {
  const configs = parts.map((part) => checkedConfig(part));
  const rank = mixedRank(parts, configs, options);
  const layers = new Map<string, Term[]>();
  for (const part of parts)
    for (const module of part.modules as readonly LoraModule[]) {
      const names = tensorNames(module.path);
      const [a, b] = [part.tensors.get(names.a)!, part.tensors.get(names.b)!];
      const term = { part, module, a, b, factor: part.weight * module.scale };
      layers.set(module.path, [...(layers.get(module.path) ?? []), term]);
    }
  const { layersToTransform: _, modulesToSave: __, ...first } = configs[0];
  const config: LoraConfig = {
    ...first,
    ...{ rank, alpha: rank, rsLora: false, rankPattern: {}, alphaPattern: {} },
    targets: mixedTargets(configs, [...layers.keys()], parts),
  };
  const tensors = new Map<string, Float32Array<ArrayBuffer>>();
  const spectra: ModuleSpectrum[] = [];
  const modules = [...layers.values()].map((terms) => {
    const module = loraModule(terms[0].module, config);
    const { a, b, spectrum } = mixLayer(terms, rank, options);
    const names = tensorNames(module.path);
    tensors.set(names.a, a);
    tensors.set(names.b, b);
    spectra.push(spectrum);
    return module;
  });
  return { config, modules, tensors, spectra };
}

/** @throws GraftError `mix` for anything but low-rank matrices */
function checkedConfig({ name, config, modules }: MixPart): LoraConfig {
  const { name: kind, label, unmergeable } = kindOf(config);
  if (kind !== 'lora')
    throw cannot(
      `${name} is an adapter of the kind ${label}, and only LoRA adapters can be mixed.`,
      unmergeable === undefined ? 'Leave it out, or merge it into the base by graft merge.' : 'Leave it out.',
    );
  const parameter = modules.find(({ isParameter }) => isParameter);
  if (parameter)
    throw cannot(
      `${name} is on ${parameter.path}, of experts or a router, which cannot be mixed.`,
      'Leave it out, or merge it into the base by graft merge.',
    );
  if (modules.some(isBeside))
    throw cannot(
      `${name} also trains whole modules or new tokens, which cannot be mixed.`,
      'Leave it out, or merge it into the base by graft merge.',
    );
  return config as LoraConfig;
}

/** The largest rank that a configuration gives to a layer, as PEFT compares them. */
const largestRank = ({ rank, rankPattern }: LoraConfig): number =>
  Math.max(rank, ...Object.values(rankPattern));

function mixedRank(
  parts: readonly MixPart[],
  configs: readonly LoraConfig[],
  { method, rank }: MixOptions,
): number {
  const ranks = configs.map(largestRank);
  if (isFactorMethod(method) && new Set(ranks).size > 1) throw otherRanks(parts, ranks, method);
  const mixed =
    method === 'cat'
      ? ranks.reduce((sum, one) => sum + one, 0)
      : cutsRank(method)
        ? (rank ?? Math.max(...ranks))
        : ranks[0];
  if (mixed > LARGEST_RANK)
    throw cannot(
      `The mixed adapter would have the rank ${mixed}, and the largest is ${LARGEST_RANK}.`,
      'Choose --method svd with a smaller --rank.',
    );
  return mixed;
}

function otherRanks(
  parts: readonly MixPart[],
  ranks: readonly number[],
  method: MixMethod,
  where = '',
): GraftError {
  const each = parts.map(({ name }, i) => `${name} has rank ${ranks[i]}`).join(', ');
  return cannot(
    `${method} needs adapters of one rank${where}: ${each}.`,
    `Choose --method svd or cat, which take any ranks${Object.hasOwn(CHANGE_METHODS, `${method}-svd`) ? `, or ${method}-svd` : ''}.`,
  );
}

/** The targets of all parts if they say exactly which layers there are, otherwise the paths of these layers. */
function mixedTargets(
  configs: readonly LoraConfig[],
  paths: readonly string[],
  parts: readonly MixPart[],
): string[] {
  const targets = [...new Set(configs.flatMap((config) => config.targets))];
  const isWhole = ({ modules }: MixPart): boolean => modules.length === paths.length;
  const sameLayers =
    configs.every(({ layersToTransform = [] }) => layersToTransform.length === 0) && parts.every(isWhole);
  return sameLayers && paths.every((path) => isTarget({ targets }, { path })) ? targets : [...paths];
}

interface MixedLayer {
  readonly a: Float32Array<ArrayBuffer>;
  readonly b: Float32Array<ArrayBuffer>;
  readonly spectrum: ModuleSpectrum;
}

function mixLayer(terms: readonly Term[], rank: number, options: MixOptions): MixedLayer {
  const [{ module }] = terms;
  if (options.method === 'svd') return decomposed(terms, rank);
  if (isChangeMethod(options.method))
    return combinedChange(terms, rank, { ...options, method: CHANGE_METHODS[options.method] });
  const factors = isFactorMethod(options.method)
    ? combined(terms, { ...options, method: options.method })
    : {
        rows: terms.flatMap(({ a, factor, module: { rank, inputs } }) =>
          rowsOf(a, rank, inputs).map((row) => row.map((value) => value * factor)),
        ),
        columns: terms.flatMap(({ b, module: { rank, outputs } }) => columnsOf(b, rank, outputs)),
      };
  const { values } = factorSvd(factors.columns, factors.rows);
  return written(module, rank, factors, values);
}

/** A with A and B with B. PEFT gives both the root of a factor, and its sign to A. */
function combined(terms: readonly Term[], options: MixOptions & { readonly method: FactorMethod }): Factors {
  const [{ module }] = terms;
  const ranks = terms.map((term) => term.module.rank);
  if (new Set(ranks).size > 1)
    throw otherRanks(
      terms.map(({ part }) => part),
      ranks,
      options.method,
      ` in ${module.path}`,
    );
  const roots = terms.map(({ factor }) => Math.sqrt(Math.abs(factor)));
  const signed = roots.map((root, i) => (terms[i].factor < 0 ? -root : root));
  const a = combine(
    terms.map((term) => term.a),
    signed,
    options,
  );
  const b = combine(
    terms.map((term) => term.b),
    roots,
    options,
  );
  return { rows: rowsOf(a, ranks[0], module.inputs), columns: columnsOf(b, ranks[0], module.outputs) };
}

/** The best approximation of the exact sum by a rank. */
function decomposed(terms: readonly Term[], rank: number): MixedLayer {
  const { values, left, right } = factorSvd(
    terms.flatMap(({ b, factor, module }) =>
      columnsOf(b, module.rank, module.outputs).map((column) => column.map((value) => value * factor)),
    ),
    terms.flatMap(({ a, module }) => rowsOf(a, module.rank, module.inputs)),
  );
  const factors = { rows: right.slice(0, rank), columns: left.slice(0, rank) };
  return written(terms[0].module, rank, factors, values);
}

/** ΔW with ΔW, number by number, and the best approximation of the result by a rank. */
function combinedChange(
  terms: readonly Term[],
  rank: number,
  options: MixOptions & { readonly method: FactorMethod },
): MixedLayer {
  const [{ module }] = terms;
  const change = combine(
    terms.map(changeOf),
    terms.map(({ part }) => part.weight),
    options,
  );
  const { values, left, right } = denseSvd(change, module.inputs, rank);
  return written(module, rank, { rows: right, columns: left }, values);
}

/** ΔW = scale · B · A, [outputs, inputs], in f32 as PEFT has it. */
function changeOf({ a, b, module: { rank, inputs, outputs, scale } }: Term): Float32Array {
  const rows = rowsOf(a, rank, inputs);
  const change = new Float32Array(outputs * inputs);
  for (let n = 0; n < outputs; n++) {
    const row = new Float64Array(inputs);
    rows.forEach((one, r) => addScaled(row, one, scale * b[n * rank + r]));
    change.set(row, n * inputs);
  }
  return change;
}

interface Factors {
  /** Rows of A. */
  readonly rows: readonly Float64Array[];
  /** Columns of B. */
  readonly columns: readonly Float64Array[];
}

/** A and B of the new rank, with zeros after the rows and columns that there are. */
function written(
  { path, inputs, outputs }: LoraModule,
  rank: number,
  { rows, columns }: Factors,
  values: Float64Array,
): MixedLayer {
  const a = new Float32Array(rank * inputs);
  const b = new Float32Array(outputs * rank);
  rows.forEach((row, r) => a.set(row, r * inputs));
  columns.forEach((column, r) => column.forEach((value, n) => (b[n * rank + r] = value)));
  const energy = (some: Float64Array): number => some.reduce((sum, value) => sum + value * value, 0);
  const [all, cut] = [energy(values), energy(values.subarray(rank))];
  return {
    a,
    b,
    spectrum: {
      name: path,
      singularValues: [...values],
      // Zeros lose nothing.
      keptShare: all === 0 ? 1 : energy(values.subarray(0, rank)) / all,
      relativeError: all === 0 ? 0 : Math.sqrt(cut / all),
    },
  };
}

function rowsOf(a: Float32Array, rank: number, inputs: number): Float64Array[] {
  return Array.from({ length: rank }, (_, r) => Float64Array.from(a.subarray(r * inputs, (r + 1) * inputs)));
}

function columnsOf(b: Float32Array, rank: number, outputs: number): Float64Array[] {
  return Array.from({ length: rank }, (_, r) =>
    Float64Array.from({ length: outputs }, (_, n) => b[n * rank + r]),
  );
}

function cannot(what: string, remedy: string): GraftError {
  return new GraftError('mix', what, remedy);
}
