/**
 * A module that is trained in full next to an adapter: the embedding, or the head (PEFT's `modules_to_save`). An f32 copy of its weight replaces the
 * base's. If embedding and head share one weight, a copy of either is a weight of its own, and the other stays unchanged.
 *
 * No run has this kind alone: such modules belong to adapters of other kinds.
 */
import { copy } from '../../engine/ops/add.ts';
import { embedding } from '../../engine/ops/embedding.ts';
import { shardsOf } from '../../engine/shards.ts';
import { GraftError } from '../../errors.ts';
import type { ModelDefinition } from '../../model/definition.ts';
import { companion } from '../companion.ts';
import type { AdapterConfig, AdapterKind, AdapterModule } from '../kind.ts';
import type { SavedModules } from '../lora/settings.ts';

export const SAVED = 'saved';
const HEAD = 'lm_head';

/** `inputs` channels, `outputs` rows of the vocabulary. */
interface SavedModule extends AdapterModule {
  readonly kind: typeof SAVED;
  /** The weight of the base that it is initialised from. */
  readonly begins: string;
  /** Whether rows are looked up in it by id. */
  readonly embeds: boolean;
}

/** Name of its weight, as in PEFT's adapter_model.safetensors. */
const nameOf = (path: string): string => `base_model.model.${path}.weight`;

/** The modules of a model that a choice of `settings` names. @throws GraftError `lora-config` for an encoder, which has no head */
export function savedModules(model: ModelDefinition, chosen: SavedModules = 'none'): SavedModule[] {
  if (chosen === 'none') return [];
  const {
    embedding: { path },
    shape: { channels, vocabulary, head },
    modelType,
  } = model;
  if (head === undefined)
    throw new GraftError(
      'lora-config',
      `${modelType} is an encoder, whose embedding is not trained as a whole.`,
      'Leave out --modules-to-save.',
    );
  const module = (path: string, begins: string, embeds: boolean): SavedModule => ({
    ...{ kind: SAVED, path, inputs: channels, outputs: vocabulary },
    ...{ begins, embeds },
  });
  return [
    ...(chosen === 'embed_tokens' || chosen === 'both' ? [module(path, `${path}.weight`, true)] : []),
    ...(chosen === HEAD || chosen === 'both' ? [module(HEAD, head, false)] : []),
  ];
}

/** Names for PEFT. */
export function savedNames(modules: readonly AdapterModule[]): string[] {
  return modules
    .filter(({ kind }) => kind === SAVED)
    .map(({ path }) => path.slice(path.lastIndexOf('.') + 1));
}

/** The choice with these names; undefined if there is none. */
export function savedChoice(names: readonly string[]): SavedModules | undefined {
  const ends = names.map((name) => name.slice(name.lastIndexOf('.') + 1));
  const isEmbedding = (name: string): boolean => name === 'embed_tokens' || name === 'wte';
  if (!ends.every((name) => isEmbedding(name) || name === HEAD)) return undefined;
  const [embeds, heads] = [ends.some(isEmbedding), ends.includes(HEAD)];
  return embeds && heads ? 'both' : embeds ? 'embed_tokens' : heads ? HEAD : 'none';
}

/** Rows that are copied at once. */
const ROWS = 4096;

export const saved: AdapterKind<AdapterConfig, SavedModule> = {
  name: SAVED,
  label: 'Trained modules',
  formula: 'a weight of its own',
  ...companion,
  parameters: ({ path, inputs, outputs }) => [
    { name: nameOf(path), shape: [outputs, inputs], fromBase: true, table: true },
  ],
  start(tape, { path, begins, outputs }, _, { get, upload }, others) {
    const ids = upload(Uint32Array.from({ length: outputs }, (_, row) => row));
    for (const { firstRow, tensor } of shardsOf(get(nameOf(path))))
      for (let first = 0; first < tensor.rows; first += ROWS) {
        const count = Math.min(ROWS, tensor.rows - first);
        const rows = ids.sliceColumns(firstRow + first, count);
        copy(tape, embedding(tape, rows, others(begins), { dtype: 'f32' }), tensor.slice(first, count));
      }
  },
  replaces: ({ path }) => [[`${path}.weight`, nameOf(path)]],
  learnsRows: ({ embeds }) => embeds,
  merge: ({ values }, { path }, tensors) => values.set(tensors.get(nameOf(path))!),
};
