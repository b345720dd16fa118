/** The types in which the frozen matrices of a base model are stored on the GPU: as numbers, or in quantised blocks (QLoRA). */
import { fitsQuantised, quantisedFormats, type QuantisedType } from '../engine/quantised.ts';
import type { Target } from '../engine/target.ts';
import { GraftError } from '../errors.ts';
import { isBlockType } from '../weights/blocks.ts';
import type { StoredType } from '../weights/dtypes.ts';
import { LAYOUT_OF } from '../weights/gguf/take-apart.ts';
import { ROUNDED_TYPES, type RoundedType } from '../weights/quantise.ts';
import { weightOf, type ModelDefinition, type WeightSpec } from './definition.ts';

/**
 * A person's choice. `stored`: for a GGUF file exactly the numbers of its blocks, in blocks; numbers in the precision of the
 * run. The other types round weights that are not stored in them.
 */
export const WEIGHT_CHOICES = ['stored', 'f32', 'f16', ...ROUNDED_TYPES] as const;
export type WeightChoice = (typeof WEIGHT_CHOICES)[number];

type WeightType = 'f32' | 'f16' | QuantisedType;

export interface WeightChoices {
  /** Linear layers, and the rest unless `embeddings` says otherwise. */
  readonly matrices: WeightChoice;
  /**
   * Embeddings and head. If left out, they follow the matrices; but four bits are too few for them, so they then become q8_0, unless the file has
   * them in blocks.
   */
  readonly embeddings?: WeightChoice;
  /** Whether linear layers in q8_0 have one scale for each row, so that the CPU engine multiplies bytes. Only for encoders, which are not trained. */
  readonly rowScales?: boolean;
}

export const AS_STORED: WeightChoices = { matrices: 'stored' };

/** An encoder in int8: what its matrices multiply is rounded as well, on the CPU engine. */
export const INT8_WEIGHTS: WeightChoices = { matrices: 'q8_0', rowScales: true };

/** Whether two choices lead to the same weights. */
export function sameChoices(a: WeightChoices = AS_STORED, b: WeightChoices = AS_STORED): boolean {
  return a.matrices === b.matrices && a.embeddings === b.embeddings && a.rowScales === b.rowScales;
}

/** For people; undefined if everything is as stored. */
export function describeChoices({ matrices, embeddings = matrices }: WeightChoices): string | undefined {
  if (matrices === 'stored' && embeddings === 'stored') return undefined;
  return embeddings === matrices ? matrices : `${matrices}, embeddings ${embeddings}`;
}

/** The number format of a base, in words. */
export const baseInWords = (choices: WeightChoices | undefined): string =>
  (choices && describeChoices(choices)) ?? 'the types of its file';

/** GGUF types that earlier versions rounded under `stored`. A run saved by such a version began on other numbers. */
const ROUNDED_BEFORE: ReadonlySet<StoredType> = new Set<StoredType>([
  'Q2_K',
  'Q3_K',
  'Q4_K',
  'Q5_K',
  'Q6_K',
  'Q5_0',
  'Q5_1',
  'IQ4_NL',
  'IQ4_XS',
]);

/** The types of the weights of a model, for the fingerprint of a run. @param storedTypes of its weights, in the file */
export function heldAs(choices: WeightChoices, storedTypes: readonly StoredType[]): string {
  const { matrices, embeddings = matrices } = choices;
  const words = describeChoices(choices) ?? 'stored';
  const exact =
    [matrices, embeddings].includes('stored') && storedTypes.some((type) => ROUNDED_BEFORE.has(type));
  return exact ? `${words}, exactly` : words;
}

/**
 * Rejects impossible choices before anything is read.
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

interface WeightTypes {
  of(spec: WeightSpec): WeightType;
  /** Whether a weight in q8_0 has one scale for each row. */
  hasRowScales(spec: WeightSpec): boolean;
  /** Matrices that were to be quantised and are not: their rows are not whole blocks. */
  readonly unquantised: readonly WeightSpec[];
}

/**
 * The type of each weight of a model. Norms, biases and filters are always f32.
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
  const layers = new Set(linears.map(weightOf));
  const types = new Map<string, WeightType>();
  const unquantised: WeightSpec[] = [];
  for (const spec of weights) {
    const stored = storedAs(spec);
    const choice = layers.has(spec.name) ? choices.matrices : embeddingChoice(choices, stored);
    let type: WeightType = spec.shape.length < 2 || spec.filter ? 'f32' : typeFor(choice, stored, usual);
    if (isQuantised(type) && spec.numbers) type = usual;
    if (isQuantised(type) && !fitsQuantised(spec.shape[spec.shape.length - 1], type)) {
      unquantised.push(spec);
      type = usual;
    }
    types.set(spec.name, type);
  }
  const hasRowScales = ({ name }: WeightSpec): boolean =>
    choices.rowScales === true && layers.has(name) && types.get(name) === 'q8_0';
  return { of: ({ name }) => types.get(name)!, hasRowScales, unquantised };
}

/** Whether weights of this type, or by this choice, are in quantised blocks. */
export function isQuantised(type: WeightChoice | WeightType): type is QuantisedType {
  return Object.hasOwn(quantisedFormats, type);
}

/** Whether numbers can be rounded to this layout. */
export function isRounded(type: QuantisedType): type is RoundedType {
  return ROUNDED_TYPES.some((rounded) => rounded === type);
}

function embeddingChoice({ matrices, embeddings }: WeightChoices, stored: StoredType): WeightChoice {
  if (embeddings) return embeddings;
  if (!isQuantised(matrices) || quantisedFormats[matrices].bits === 8) return matrices;
  return isBlockType(stored) ? 'stored' : 'q8_0';
}

function typeFor(choice: WeightChoice, stored: StoredType, usual: 'f32' | 'f16'): WeightType {
  if (choice !== 'stored') return choice;
  return isBlockType(stored) ? LAYOUT_OF[stored] : usual;
}
