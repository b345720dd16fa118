/** How the frozen matrices of a base model are held on the GPU: as numbers, or in quantised blocks (QLoRA). */
import { fitsQuantised, QUANTISED_TYPES, quantisedFormats, type QuantisedType } from '../engine/quantised.ts';
import type { Target } from '../engine/target.ts';
import { GraftError } from '../errors.ts';
import type { BlockType } from '../weights/blocks.ts';
import { isBlockType } from '../weights/blocks.ts';
import type { StoredType } from '../weights/dtypes.ts';
import type { ModelDefinition, WeightSpec } from './family.ts';

/**
 * What a person asks for. `stored`: blocks as they lie in the file (GGUF types that have no kernel become the nearest that has one), numbers
 * in the precision of the run.
 */
export const WEIGHT_CHOICES = ['stored', 'f32', 'f16', ...QUANTISED_TYPES] as const;
export type WeightChoice = (typeof WEIGHT_CHOICES)[number];

export type WeightType = 'f32' | 'f16' | QuantisedType;

export interface WeightChoices {
  /** Linear layers, and the rest unless `embeddings` says otherwise. */
  readonly matrices: WeightChoice;
  /**
   * Embeddings and head. Left out, they are as the matrices; but four bits are few for them, so that they become q8_0 then, unless the file
   * has them in blocks already.
   */
  readonly embeddings?: WeightChoice;
}

export const AS_STORED: WeightChoices = { matrices: 'stored' };

/** Whether two choices lead to the same weights. */
export function sameChoices(a: WeightChoices = AS_STORED, b: WeightChoices = AS_STORED): boolean {
  return a.matrices === b.matrices && a.embeddings === b.embeddings;
}

/** For people; undefined where everything is as stored. */
export function describeChoices({ matrices, embeddings = matrices }: WeightChoices): string | undefined {
  if (matrices === 'stored' && embeddings === 'stored') return undefined;
  return embeddings === matrices ? matrices : `${matrices}, embeddings ${embeddings}`;
}

/**
 * Finds what cannot be before anything is read.
 *
 * @throws GraftError `weights-frozen` for quantised weights that are to be trained, `precision-f16` for f16 that the adapter lacks
 */
export function checkChoices(
  { matrices, embeddings = matrices }: WeightChoices,
  { trainable, target }: { trainable: boolean; target: Target },
): void {
  const choices = [matrices, embeddings];
  if (trainable && choices.some((choice) => choice !== 'stored' && choice !== 'f32')) {
    throw new GraftError(
      'weights-frozen',
      `Full fine-tuning trains weights in f32, and ${[...new Set(choices)].join(' and ')} was asked for.`,
      'Train a LoRA adapter on quantised weights, or leave their type out.',
    );
  }
  if (choices.includes('f16') && !target.features.f16) {
    throw new GraftError(
      'precision-f16',
      'This adapter has no half-precision arithmetic (shader-f16).',
      'Choose f32 or a quantised type for the base weights.',
    );
  }
}

/**
 * Each of GGUF's types in the layout that loses the least of it. Q4_K is a q4_1 whose scales are quantised; types of more than four
 * bits, and those with uneven steps, need eight.
 */
const NEAREST: Readonly<Record<BlockType, QuantisedType>> = {
  Q8_0: 'q8_0',
  Q4_0: 'q4_0',
  Q4_1: 'q4_1',
  Q4_K: 'q4_1',
  Q3_K: 'q4_1',
  Q2_K: 'q4_1',
  Q5_0: 'q8_0',
  Q5_1: 'q8_0',
  Q5_K: 'q8_0',
  Q6_K: 'q8_0',
  IQ4_NL: 'q8_0',
  IQ4_XS: 'q8_0',
};

/** Whether a stored type is this layout already, bit for bit. */
export function isSameLayout(stored: StoredType, type: QuantisedType): type is Exclude<QuantisedType, 'nf4'> {
  return stored.toLowerCase() === type;
}

export interface WeightTypes {
  of(spec: WeightSpec): WeightType;
  /** Matrices that were to be quantised and are not: their rows are not whole blocks. */
  readonly unquantised: readonly WeightSpec[];
}

/**
 * The type of each weight of a model. Norms and biases are always f32.
 *
 * @param usual the type of matrices that are not quantised, unless the choice names it
 * @param storedAs the type of a weight in its file
 */
export function weightTypes(
  { weights, linears }: Pick<ModelDefinition, 'weights' | 'linears'>,
  choices: WeightChoices,
  usual: 'f32' | 'f16',
  storedAs: (spec: WeightSpec) => StoredType,
): WeightTypes {
  const layers = new Set(linears.map(({ path }) => `${path}.weight`));
  const types = new Map<string, WeightType>();
  const unquantised: WeightSpec[] = [];
  for (const spec of weights) {
    const stored = storedAs(spec);
    const choice = layers.has(spec.name) ? choices.matrices : embeddingChoice(choices, stored);
    let type: WeightType = spec.shape.length < 2 ? 'f32' : typeFor(choice, stored, usual);
    if (isQuantised(type) && !fitsQuantised(spec.shape[spec.shape.length - 1], type)) {
      unquantised.push(spec);
      type = usual;
    }
    types.set(spec.name, type);
  }
  return { of: ({ name }) => types.get(name)!, unquantised };
}

export function isQuantised(type: WeightChoice): type is QuantisedType {
  return Object.hasOwn(quantisedFormats, type);
}

function embeddingChoice({ matrices, embeddings }: WeightChoices, stored: StoredType): WeightChoice {
  if (embeddings) return embeddings;
  if (!isQuantised(matrices) || quantisedFormats[matrices].bits === 8) return matrices;
  return isBlockType(stored) ? 'stored' : 'q8_0';
}

function typeFor(choice: WeightChoice, stored: StoredType, usual: 'f32' | 'f16'): WeightType {
  if (choice !== 'stored') return choice;
  return isBlockType(stored) ? NEAREST[stored] : usual;
}
