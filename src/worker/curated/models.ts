/** Small models that suit a browser: few enough to choose from, each with its strengths and its repository's conditions. */
import type { JsonObject } from '../../json.ts';
import { parametersOf, type ModelDefinition } from '../../model/definition.ts';
import { defineModel } from '../../model/family.ts';
import type { CuratedModel } from '../api/curated.ts';
import {
  GEMMA3_1B,
  GEMMA3_270M,
  GPT2,
  LLAMA32_1B,
  QWEN25_05B,
  QWEN3_06B,
  SMOLLM2_135M,
  SMOLLM2_360M,
} from './configs.ts';

interface Entry extends Omit<CuratedModel, 'parameters' | 'weightBytes'> {
  readonly config: JsonObject;
  /** Bytes of a number in its safetensors: bfloat16, if left out. */
  readonly width?: 4;
  /** Numbers in its safetensors that are not parameters, or are stored twice. */
  readonly besides?: number;
}

const ENTRIES: readonly Entry[] = [
  {
    id: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    config: SMOLLM2_135M,
    licence: 'apache-2.0',
    gated: false,
    goodAt:
      'Short answers of a fixed kind: labels, fields, tags, one voice. English. Trains on nearly anything.',
  },
  {
    id: 'HuggingFaceTB/SmolLM2-360M-Instruct',
    config: SMOLLM2_360M,
    licence: 'apache-2.0',
    gated: false,
    goodAt: 'As the smaller one, with fewer slips: rewriting, extraction, short summaries. English.',
  },
  {
    id: 'Qwen/Qwen2.5-0.5B-Instruct',
    config: QWEN25_05B,
    licence: 'apache-2.0',
    gated: false,
    goodAt: 'JSON and other strict formats, many languages, a little code.',
  },
  {
    id: 'Qwen/Qwen3-0.6B',
    config: QWEN3_06B,
    licence: 'apache-2.0',
    gated: false,
    // The head is stored next to the embedding that it equals.
    besides: 151_936 * 1024,
    goodAt: 'Formats, many languages, code; can think aloud before it answers.',
  },
  {
    id: 'meta-llama/Llama-3.2-1B-Instruct',
    config: LLAMA32_1B,
    licence: 'llama3.2',
    gated: true,
    mirror: 'unsloth/Llama-3.2-1B-Instruct',
    goodAt: 'Dialogue, summaries and everyday writing, in eight languages.',
  },
  {
    id: 'google/gemma-3-270m-it',
    config: GEMMA3_270M,
    licence: 'gemma',
    gated: true,
    mirror: 'unsloth/gemma-3-270m-it',
    goodAt:
      'Made to be tuned to one narrow task: sorting, extraction, many languages. Most of it is vocabulary.',
  },
  {
    id: 'google/gemma-3-1b-it',
    config: GEMMA3_1B,
    licence: 'gemma',
    gated: true,
    mirror: 'unsloth/gemma-3-1b-it',
    goodAt: 'Fluent prose, rewriting and dialogue.',
  },
  {
    id: 'openai-community/gpt2',
    config: GPT2,
    licence: 'mit',
    gated: false,
    width: 4,
    // A causal mask for each layer.
    besides: 12 * 1024 * 1024,
    goodAt: 'A classic to study: it continues a text and knows no chat. English.',
  },
];

/** The list, as the page shows it. */
export function curatedModels(): CuratedModel[] {
  return ENTRIES.map(({ config, width = 2, besides = 0, ...entry }) => {
    const parameters = parametersOf(defineModel(config, entry.id));
    return { ...entry, parameters, weightBytes: (parameters + besides) * width };
  });
}

/** A model of the list; undefined if there is none of this id. */
export function curatedDefinition(id: string): ModelDefinition | undefined {
  const entry = ENTRIES.find((each) => each.id === id);
  return entry && defineModel(entry.config, id);
}
