/** Which weights of a model are trained in a full fine-tuning: all of them, the last layers, norms and biases, or everything but the embeddings. */
import { GraftError } from '../errors.ts';
import { weightOf, type ModelDefinition, type WeightSpec } from './definition.ts';

export interface TrainedPart {
  /** `no-embeddings` is without embeddings and head; `norms` is the norms and biases alone. All weights if left out. */
  readonly trainWeights?: string;
  /**
   * How many layers, counted from the end, with the last norm after them. Embeddings and head stay frozen, since a tied head is the embedding. All
   * layers if left out or 0.
   */
  readonly lastLayers?: number;
}

/** The list of layers and the place in it: `model.layers.3.`, `transformer.h.3.`. */
const LAYER = /\.(?:layers|h)\.(\d+)\./;

/** Whether a weight is of embeddings, of tokens or positions, or of the head. */
export function isEmbedding(
  { linears }: Pick<ModelDefinition, 'linears'>,
  { name, shape, filter }: WeightSpec,
): boolean {
  return shape.length > 1 && !filter && !linears.some((linear) => name === weightOf(linear));
}

/** @throws GraftError `train-option` for more layers than the model has */
export function checkLastLayers(
  { layers }: { readonly layers: number },
  { lastLayers = 0 }: Pick<TrainedPart, 'lastLayers'>,
): void {
  if (lastLayers > layers)
    throw new GraftError(
      'train-option',
      `The setting lastLayers is ${lastLayers}, and the model has ${layers} layers.`,
      `Choose a whole number from 1 to ${layers}, or 0 for all.`,
    );
}

/** @returns which of the model's weights are trained */
export function trainedPart(
  definition: ModelDefinition,
  { trainWeights = 'all', lastLayers = 0 }: TrainedPart,
): (spec: WeightSpec) => boolean {
  const first = lastLayers > 0 ? Math.max(0, definition.shape.layers - lastLayers) : 0;
  return (spec) => {
    if (trainWeights === 'norms' && spec.shape.length > 1) return false;
    if ((trainWeights !== 'all' || lastLayers > 0) && isEmbedding(definition, spec)) return false;
    const [, layer] = LAYER.exec(spec.name) ?? [];
    return layer === undefined || Number(layer) >= first;
  };
}
