/**
 * Prompt tuning (Lester et al., 2021), as PEFT has it: P learned vectors stand before every sequence, as if they were embedded tokens.
 *
 *   h₀ = [p₁ … p_P, E[ids]]
 *
 * They take the first positions and have no loss; tokens follow at P, P + 1, …. The ids of virtual tokens start at FIRST_VIRTUAL. The base's lookup
 * skips these ids, so a row with virtual tokens is a row like any other.
 */
import { embedding, FIRST_VIRTUAL } from '../../engine/ops/embedding.ts';
import { copy } from '../../engine/ops/add.ts';
import { overlayEmbedded } from '../../engine/ops/overlaid_rows.ts';
import { GraftError } from '../../errors.ts';
import type { LinearModule } from '../../model/definition.ts';
import type { AdapterConfig, AdapterKind, AdapterModule } from '../kind.ts';
import { wrongConfig } from '../lora/config.ts';
import { ALL_LINEAR } from '../targets.ts';
import { MAX_VIRTUAL_TOKENS, PROMPT } from './settings.ts';

const KIND = PROMPT.name;
/** As in PEFT's adapter_model.safetensors. */
const TENSOR = 'prompt_embeddings';

interface PromptConfig extends AdapterConfig {
  readonly virtualTokens: number;
  /** The text whose embedding they start as; if empty, random tokens of the vocabulary. */
  readonly promptText: string;
}

/** The embedding of the base: `inputs` its rows, `outputs` channels. */
interface EmbeddingLayer extends LinearModule {
  /** The base's factor for rows that it looks up, and its factor for all vectors. */
  readonly scales: { readonly rows: number; readonly all: number };
}

interface PromptModule extends AdapterModule, EmbeddingLayer {
  readonly tokens: number;
  readonly text: string;
}

export const prompt: AdapterKind<PromptConfig, PromptModule> = {
  name: KIND,
  label: PROMPT.label,
  formula: '[P, E]',
  note: 'It cannot be merged: it is part of no weight. With PEFT 0.21 and transformers 5.24 give `use_cache=False` to `generate`: with a cache they lose the places of the tokens.',
  unmergeable:
    'Virtual tokens stand before every prompt and do not belong to any weight: a merged model would not have them.',
  config: ({ virtualTokens, promptText }) => ({
    kind: KIND,
    targets: [ALL_LINEAR],
    virtualTokens: virtualTokens as number,
    promptText: (promptText ?? '') as string,
  }),
  settings: ({ virtualTokens, promptText }) => ({ virtualTokens, promptText }),
  facts: ({ virtualTokens, promptText }) => [
    ['Virtual tokens', virtualTokens],
    ...(promptText === '' ? [] : [['Began as', promptText] as const]),
  ],
  check(_, { virtualTokens }) {
    if (!Number.isInteger(virtualTokens) || virtualTokens < 1 || virtualTokens > MAX_VIRTUAL_TOKENS)
      throw wrongConfig(
        `The number of virtual tokens is ${virtualTokens}.`,
        `Choose a whole number from 1 to ${MAX_VIRTUAL_TOKENS}.`,
      );
  },
  layers: ({ embedding: { path, scale, scalesAll }, shape: { vocabulary, channels } }): EmbeddingLayer[] => [
    {
      path,
      inputs: vocabulary,
      outputs: channels,
      scales: scalesAll ? { rows: 1, all: scale } : { rows: scale, all: 1 },
    },
  ],
  module: (layer, { virtualTokens, promptText }, found) => ({
    ...layer,
    kind: KIND,
    tokens: found?.(TENSOR)[0] ?? virtualTokens,
    text: promptText,
    scales: (layer as EmbeddingLayer).scales,
  }),
  parameters: ({ tokens, outputs }) => [
    { name: TENSOR, shape: [tokens, outputs], fromBase: true, table: true },
  ],
  initial: () => [],
  start(tape, { tokens, text, inputs, scales }, weight, { get, random, encode, upload }) {
    const drawn = text === '' ? [] : encode(text, { addSpecialTokens: true });
    if (text !== '' && drawn.length === 0)
      throw new GraftError(
        'train-option',
        'The text of the virtual tokens has no tokens.',
        'Choose another.',
      );
    const ids = Uint32Array.from({ length: tokens }, (_, at) =>
      drawn.length > 0 ? drawn[at % drawn.length] : Math.floor(random.float() * inputs),
    );
    copy(tape, embedding(tape, upload(ids), weight, { dtype: 'f32', scale: scales.rows }), get(TENSOR));
  },
  virtualTokens: ({ tokens }) => tokens,
  learnsRows: () => true,
  embed(tape, { x, ids, chain }, { scales: { all: scale } }, { get }) {
    const table = get(TENSOR);
    overlayEmbedded(tape, { x, ids, chain }, { table, first: FIRST_VIRTUAL }, scale);
  },
  isPeft: (json) => json['peft_type'] === 'PROMPT_TUNING',
  readPeft: (reader) => ({
    kind: KIND,
    targets: [ALL_LINEAR],
    virtualTokens: reader.number(
      'num_virtual_tokens',
      (value) => Number.isInteger(value) && value >= 1 && value <= MAX_VIRTUAL_TOKENS,
      `a whole number from 1 to ${MAX_VIRTUAL_TOKENS}`,
    ),
    promptText: '',
  }),
  writePeft: (_, [{ tokens, outputs }]) => ({
    fan_in_fan_out: undefined,
    target_modules: undefined,
    num_transformer_submodules: 1,
    num_virtual_tokens: tokens,
    peft_type: 'PROMPT_TUNING',
    // The values are in the file, so PEFT does not need the initial text.
    prompt_tuning_init: 'RANDOM',
    token_dim: outputs,
  }),
  disagreement: ({ tokens }, { virtualTokens }) =>
    tokens === virtualTokens
      ? undefined
      : `Tensor ${TENSOR} has ${tokens} rows, and adapter_config.json says ${virtualTokens} virtual tokens`,
};
