/** An adapter of the library. */
import * as v from 'valibot';
import { METHODS } from '../../../settings/registry.ts';
import { StoredWeightChoices } from '../../models/base-weights.ts';
import { DataOptions, DataRef } from './data.ts';
import { wholeNumber, id, number, text } from './values.ts';

export const AdapterFile = v.object({
  id,
  name: text,
  note: text,
  baseModel: text,
  kind: v.optional(v.picklist(METHODS.map(({ name }) => name))),
  rank: v.optional(wholeNumber),
  alpha: v.optional(number),
  virtualTokens: v.optional(wholeNumber),
  addTokens: v.optional(v.array(v.string())),
  targets: v.array(text),
  parameters: wholeNumber,
  created: number,
  runId: v.optional(id),
  finalLoss: v.optional(number),
  evalLoss: v.optional(number),
  parent: v.optional(v.object({ id, name: text })),
  trial: v.optional(v.boolean()),
  encodes: v.optional(v.literal(true)),
  sweep: v.optional(id),
  data: v.optional(DataRef),
  dataOptions: v.optional(DataOptions),
  baseWeights: v.optional(StoredWeightChoices),
});
