/** The model of a run: an encoder for an objective that learns vectors of texts, a language model for all others. */
import { addsTokens, learnerOf } from '../adapters/learners.ts';
import { GraftError } from '../errors.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { readPooledEncoder } from '../model/encoder.ts';
import { readModel } from '../model/family.ts';
import { readWindow } from '../model/pooling.ts';
import type { Objective } from '../objectives/objective.ts';
import type { RunSpec } from '../settings/spec.ts';
import type { FileSet } from '../weights/bytes.ts';

/** @throws GraftError `config-unsupported` for a model of the other kind, and as `readModel` and `readPooledEncoder` */
export function readModelFor(
  { encodes }: Pick<Objective, 'encodes'>,
  files: FileSet,
): Promise<ModelDefinition> {
  return encodes ? readPooledEncoder(files) : readModel(files);
}

/**
 * The most tokens of a row if none are asked for: of an encoder, those that its folder says it reads.
 *
 * @throws GraftError `config-field`, `json-…`, as `readWindow`
 */
export async function longestOf({ shape, pooling }: ModelDefinition, files: FileSet): Promise<number> {
  return pooling === undefined ? shape.maxPositions : readWindow(files, shape.maxPositions);
}

/**
 * Encoders are tuned by adapters on their linear layers.
 *
 * @throws GraftError `train-option` for full fine-tuning, and for what adds tokens
 */
export function checkEncoder({ encodes, label }: Objective, spec: RunSpec): void {
  const { trainsModel } = learnerOf(spec);
  const wrong = trainsModel
    ? 'trains all weights'
    : addsTokens(spec)
      ? 'adds tokens'
      : spec.forgetting
        ? 'measures what a model that writes has forgotten'
        : undefined;
  if (encodes && wrong !== undefined)
    throw new GraftError(
      'train-option',
      `${label} tunes an encoder by an adapter on its linear layers, and this run ${wrong}.`,
      'Leave that out.',
    );
}
