/**
 * Tokens that are added to the vocabulary next to an adapter. Only their rows of embedding and head are trained (PEFT's `trainable_token_indices`).
 * The base stays unchanged: rows of the adapter follow its last, or replace unused rows of a padded vocabulary. If embedding and head share one
 * weight, they share the rows.
 *
 * Each starts as the mean of the rows of the tokens that its text had until then. No run has this kind alone: such rows belong to adapters of other
 * kinds.
 */
import { embeddingKind } from '../../engine/ops/embedding.ts';
import { overlayEmbedded } from '../../engine/ops/overlaid_rows.ts';
import { Tape } from '../../engine/tape.ts';
import { GraftError } from '../../errors.ts';
import type { ModelDefinition } from '../../model/definition.ts';
import { companion } from '../companion.ts';
import type { AdapterConfig, AdapterKind, AdapterModule, AdapterTensors } from '../kind.ts';

export const TOKENS = 'tokens';
const HEAD = 'lm_head';

/** The new tokens of an adapter. */
interface AddedTokens {
  readonly texts: readonly string[];
  /** The id of the first; the others follow. */
  readonly first: number;
}

/** `inputs` channels, `outputs` rows. */
interface TokensModule extends AdapterModule, AddedTokens {
  readonly kind: typeof TOKENS;
  /** The factor of embedded rows; undefined for rows of the head alone. */
  readonly scale?: number;
  /** Whether the head has the rows. */
  readonly isHead: boolean;
}

/** Name of its rows, as in PEFT's adapter_model.safetensors. */
const nameOf = (path: string): string => `base_model.model.${path}.token_adapter.trainable_tokens_delta`;

/** The rows of some tokens, on a model. @throws GraftError `lora-config` for ids that leave a gap after the base's */
export function tokensModules(model: ModelDefinition, added: AddedTokens): TokensModule[] {
  const {
    embedding: { path, scale },
    shape: { channels, vocabulary, head },
  } = model;
  if (added.first > vocabulary)
    throw new GraftError(
      'lora-config',
      `The first new token has the id ${added.first}, and the base model has rows for ${vocabulary} tokens.`,
      'Use the tokenizer that belongs to this model.',
    );
  const rows = { kind: TOKENS, inputs: channels, outputs: added.texts.length, ...added } as const;
  return head === `${HEAD}.weight`
    ? [
        { ...rows, path, scale, isHead: false },
        { ...rows, path: HEAD, isHead: true },
      ]
    : [{ ...rows, path, scale, isHead: true }];
}

/** For PEFT: the ids by the names of the modules; undefined if there are none. */
export function tokenIndices(
  modules: readonly AdapterModule[],
): Readonly<Record<string, readonly number[]>> | undefined {
  const own = modules.filter((module): module is TokensModule => module.kind === TOKENS);
  if (own.length === 0) return undefined;
  return Object.fromEntries(
    own.map(({ path, first, outputs }) => [
      path.slice(path.lastIndexOf('.') + 1),
      Array.from({ length: outputs }, (_, at) => first + at),
    ]),
  );
}

/** A weight with its rows from `first` on replaced, or with rows after its last. */
export interface AddedRows {
  readonly first: number;
  readonly values: Float32Array<ArrayBuffer>;
}

/** The rows of an adapter, by the names of the base's weights. */
export function addedRows({
  modules,
  tensors,
}: {
  readonly modules: readonly AdapterModule[];
  readonly tensors: AdapterTensors;
}): ReadonlyMap<string, AddedRows> {
  const own = modules.filter((module): module is TokensModule => module.kind === TOKENS);
  return new Map(
    own.map(({ path, first }) => [`${path}.weight`, { first, values: tensors.get(nameOf(path))! }]),
  );
}

/** The new tokens of an adapter with these layers. */
export function addedTokens(modules: readonly AdapterModule[]): AddedTokens | undefined {
  return modules.find((module): module is TokensModule => module.kind === TOKENS);
}

export const tokens: AdapterKind<AdapterConfig, TokensModule> = {
  name: TOKENS,
  label: 'Added tokens',
  formula: 'rows of its own',
  ...companion,
  parameters: ({ path, inputs, outputs }) => [
    { name: nameOf(path), shape: [outputs, inputs], fromBase: true, table: true },
  ],
  async begin(device, layers, { encode }) {
    const values = new Map<string, Float32Array<ArrayBuffer>>();
    for (const { module, weight } of layers) {
      const { path, texts, inputs: C } = module;
      const pieces = texts.map((text) => encode(text));
      const tape = new Tape(device);
      const ids = device.upload([pieces.flat().length], 'u32', 'pieces', Uint32Array.from(pieces.flat()));
      const x = tape.pinned([ids.size, C], 'f32', 'rows of pieces');
      tape.append(embeddingKind, { ids, w: weight, x }, { scale: 1 });
      const plan = await device.compile(tape, device.createPool());
      plan.run();
      const found = new Float32Array(await plan.read(x));
      plan.destroy();
      device.free(ids);
      const rows = new Float32Array(texts.length * C);
      let from = 0;
      pieces.forEach(({ length }, at) => {
        for (let c = 0; c < C; c++) {
          let sum = 0;
          for (let piece = 0; piece < length; piece++) sum += found[(from + piece) * C + c];
          rows[at * C + c] = sum / length;
        }
        from += length;
      });
      values.set(nameOf(path), rows);
    }
    return values;
  },
  embed(tape, inputs, { path, first, scale }, { get }) {
    if (scale !== undefined) overlayEmbedded(tape, inputs, { table: get(nameOf(path)), first }, scale);
  },
  headRows: ({ path, first, outputs, isHead }) =>
    isHead ? { first, count: outputs, parameter: nameOf(path) } : undefined,
  learnsRows: ({ scale }) => scale !== undefined,
};
