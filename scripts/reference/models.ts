/** docs/reference/models.md: families, number formats and the table of small models, from their registries. */
import { families } from '../../src/model/family.ts';
import { BASE_SETTINGS } from '../../src/settings/run.ts';
import { LAYOUT_OF } from '../../src/weights/gguf/take-apart.ts';
import { curatedModels } from '../../src/worker/curated/models.ts';
import { code, heading, page, plain, table } from './markdown.ts';

/** Models that people know a family by. */
const KNOWN: Readonly<Record<string, string>> = {
  llama: 'SmolLM2, TinyLlama, Llama 3.x',
  mistral: 'Mistral',
  qwen2: 'Qwen 2, Qwen 2.5',
  qwen3: 'Qwen 3',
  gemma3_text: 'Gemma 3 (text; the vision part of a folder is passed on as it is)',
  gpt2: 'GPT-2',
  smollm3: 'SmolLM3',
  olmo2: 'OLMo 2',
  granite: 'Granite',
  phi3: 'Phi-3',
  lfm2: 'LFM2 (not the mixtures of experts)',
  olmoe: 'OLMoE (mixture of experts)',
  qwen3_moe: 'Qwen 3 with experts (mixture of experts)',
};

const INTRODUCTION = `A model is a Hugging Face folder (config.json, safetensors, tokenizer.json) or a GGUF file. An architecture that is not in this table, and a quantised checkpoint
other than GGUF, are refused with the reason. A few hundred million parameters are practical on a CPU. \`graft embed\` reads encoders of the BERT family
([embeddings](../how-to/embeddings.md)).`;

export function modelsPage(): string {
  const stored = BASE_SETTINGS.find(({ name }) => name === 'baseWeights')!;
  return page(
    heading('Supported models'),
    INTRODUCTION,
    table(
      ['`model_type`', 'models'],
      families.map(({ modelTypes }) => [modelTypes.map(code).join(', '), plain(knownBy(modelTypes[0]))]),
    ),
    '## Number formats',
    `Frozen weights: ${stored.choices.map(code).join(', ')} (\`--base-weights\`; [quantised base](../how-to/quantised-base.md)). GGUF blocks: ${Object.keys(LAYOUT_OF).map(code).join(', ')}, and F32, F16, BF16. Activations: f32 or f16 (\`--precision\`). Adapters, sums and optimiser state are always f32.`,
    '## The table of the page',
    table(
      ['model', 'parameters', 'safetensors', 'licence', 'good at'],
      curatedModels().map(({ id, parameters, weightBytes, licence, gated, goodAt }) => [
        `[${plain(id)}](https://huggingface.co/${id})`,
        `${Math.round(parameters / 1e6)} million`,
        `${(weightBytes / 1e9).toFixed(2)} GB`,
        `${licence}${gated ? ', gated' : ''}`,
        plain(goodAt),
      ]),
    ),
  );
}

function knownBy(modelType: string): string {
  if (!Object.hasOwn(KNOWN, modelType))
    throw new Error(`Name the models of ${modelType} in scripts/reference/models.ts`);
  return KNOWN[modelType];
}
