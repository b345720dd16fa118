/**
 * How PEFT combines tensors of one shape: task arithmetic, TIES (Yadav et al., 2023), DARE (Yu et al., 2024) and magnitude pruning, as in
 * peft/utils/merge_utils.py.
 */
import type { Random } from '../../random.ts';

/** Methods that need adapters of one rank, since they combine A with A and B with B. */
export const FACTOR_METHODS = ['linear', 'ties', 'magnitude-prune', 'dare-linear', 'dare-ties'] as const;
export type FactorMethod = (typeof FACTOR_METHODS)[number];

export const MAJORITY_SIGNS = ['total', 'frequency'] as const;
export type MajoritySign = (typeof MAJORITY_SIGNS)[number];

export interface CombineOptions {
  readonly method: FactorMethod;
  /** The share of numbers that pruning keeps, above 0 and at most 1. */
  readonly density: number;
  /** The sign that a number of TIES gets: of the sum, or of most adapters. */
  readonly majoritySign: MajoritySign;
  /** Draws the mask of DARE. */
  readonly random: Random;
}

/** Methods that combine the changes ΔW themselves, whatever the ranks, and cut the result to a rank: each by its own rule for numbers. */
export const CHANGE_METHODS = {
  'ties-svd': 'ties',
  'magnitude-prune-svd': 'magnitude-prune',
  'dare-linear-svd': 'dare-linear',
  'dare-ties-svd': 'dare-ties',
} as const satisfies Readonly<Record<string, FactorMethod>>;
export type ChangeMethod = keyof typeof CHANGE_METHODS;

const isTies = (method: FactorMethod): boolean => method === 'ties' || method === 'dare-ties';

/** @param tensors of one length, one for each weight */
export function combine(
  tensors: readonly Float32Array[],
  weights: readonly number[],
  options: CombineOptions,
): Float32Array<ArrayBuffer> {
  const kept = tensors.map((tensor) => prune(tensor, options));
  const out = new Float32Array(tensors[0].length);
  for (let i = 0; i < out.length; i++) {
    const values = kept.map((tensor) => tensor[i]);
    if (!isTies(options.method)) {
      out[i] = values.reduce((sum, value, at) => sum + value * weights[at], 0);
      continue;
    }
    const measure = options.majoritySign === 'total' ? values : values.map(Math.sign);
    // In f32 as PEFT adds, so that sums next to zero have its sign.
    const majority = measure.reduce((sum, value) => Math.fround(sum + value), 0) >= 0 ? 1 : -1;
    const agreeing = values.flatMap((value, at) =>
      Math.sign(value) === majority ? [value * weights[at]] : [],
    );
    out[i] = agreeing.reduce((sum, value) => sum + value, 0) / Math.max(1, agreeing.length);
  }
  return out;
}

function prune(tensor: Float32Array, { method, density, random }: CombineOptions): Float32Array {
  if (method === 'linear' || density >= 1) return tensor;
  return method === 'ties' || method === 'magnitude-prune'
    ? largest(tensor, Math.trunc(density * tensor.length))
    : tensor.map((value) => (random.float() < density ? value / density : 0));
}

/** The `count` numbers of the largest size, the others zero. Among equal ones the first are kept. */
function largest(tensor: Float32Array, count: number): Float32Array {
  const out = new Float32Array(tensor.length);
  if (count === 0) return out;
  const min = tensor.map(Math.abs).sort()[tensor.length - count];
  let equal = count;
  tensor.forEach((value, i) => {
    if (Math.abs(value) <= min) return;
    out[i] = value;
    equal--;
  });
  tensor.forEach((value, i) => {
    if (equal === 0 || Math.abs(value) !== min) return;
    out[i] = value;
    equal--;
  });
  return out;
}
