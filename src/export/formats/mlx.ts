/**
 * An adapter for mlx-lm (`mlx_lm.generate --adapter-path`), by its tuner/utils.py, tuner/lora.py and tuner/dora.py:
 *
 *   LoRA   W + scale · (a · b)ᵀ                   a [in, r], b [r, out]
 *   DoRA   m / ‖V‖ · V,  V = W + scale · (a · b)ᵀ   m [out]
 *
 * One rank and one scale hold for all layers there: smaller ranks are filled up with zeros, another scale is put into b. `num_layers` counts
 * from the last layer, and each of those gets a layer for every key; one without tensors in the file starts with b = 0, so it changes nothing.
 */
import { kindOf } from '../../adapters/registry.ts';
import { magnitudeName } from '../../adapters/dora/dora.ts';
import { tensorNames, type LoraConfig, type LoraModule } from '../../adapters/lora/config.ts';
import { GraftError } from '../../errors.ts';
import { plural, withArticle } from '../../numbers.ts';
import { memoryFiles } from '../../weights/bytes.ts';
import { concatBytes, writeSafetensors } from '../../weights/safetensors.ts';
import { adapterCard } from '../converted-card.ts';
import { fileNameOf } from '../folder-sink.ts';
import { mergedInstead, readPeft, refuseBeside } from '../peft.ts';
import { wholeFile, type ExportFormat } from './format.ts';

/** The names of layers are those of the Hugging Face folder in the families that mlx-lm has under `model.layers`. */
const LAYER = /^model\.layers\.(\d+)\.(.+)$/;
/** Kinds of adapters that are a `fine_tune_type` there, by the same name. */
const KINDS: readonly string[] = ['lora', 'dora'];

export const mlx: ExportFormat = {
  name: 'mlx',
  label: 'MLX adapter',
  help: 'a LoRA or DoRA adapter for mlx-lm on a Mac',
  loses: 'Nothing.',
  proof: 'mlx-lm gives the logits of PEFT.',
  async prepare({ adapter, adapterName, baseModel, model }) {
    const data = await readPeft(memoryFiles(adapter, adapterName), model);
    const kind = kindOf(data.config);
    refuseBeside(data, adapterName);
    if (!KINDS.includes(kind.name))
      throw new GraftError(
        'export-format',
        `${adapterName} is ${withArticle(kind.label)} adapter, and mlx-lm has LoRA and DoRA.`,
        mergedInstead(kind, 'Export a merged model.'),
      );
    const { tensors } = data;
    const config = data.config as LoraConfig;
    const modules = data.modules as readonly LoraModule[];
    const rank = modules.reduce((max, module) => Math.max(max, module.rank), 0);
    const [{ scale }] = modules;
    const keys = new Set<string>();
    let first = model.shape.layers;
    const written = modules.flatMap((module) => {
      const { path } = module;
      const found = LAYER.exec(path);
      if (!found)
        throw new GraftError(
          'export-format',
          `MLX has no place for the adapter of ${path}: it takes those of layers under model.layers.`,
          'Train on the linear layers of a Llama-like model, or export a merged model.',
        );
      first = Math.min(first, Number(found[1]));
      keys.add(found[2]);
      const { a, b } = transposedFactors(module, tensors, rank, scale);
      return [
        { name: `${path}.lora_a`, dtype: 'F32' as const, shape: [module.inputs, rank], data: a },
        { name: `${path}.lora_b`, dtype: 'F32' as const, shape: [rank, module.outputs], data: b },
        ...(kind.name === 'dora'
          ? [
              {
                name: `${path}.m`,
                dtype: 'F32' as const,
                shape: [module.outputs],
                data: tensors.get(magnitudeName(path))!,
              },
            ]
          : []),
      ];
    });
    const card = adapterCard({
      format: mlx,
      ...{ baseModel, name: adapterName, tag: 'mlx', kind: kind.label, adapter },
      run: `BASE is the folder of the base, or its id on the hub. The folder of this file is the adapter.\n\n\`\`\`sh\nmlx_lm.generate --model BASE --adapter-path . --prompt Hello\n\`\`\``,
    });
    const settings = {
      fine_tune_type: kind.name,
      num_layers: model.shape.layers - first,
      lora_parameters: { rank, scale, dropout: config.dropout, keys: [...keys].sort() },
    };
    return {
      folder: `${fileNameOf(adapterName)}-mlx`,
      files: [
        wholeFile('adapter_config.json', new TextEncoder().encode(`${JSON.stringify(settings, null, 2)}\n`)),
        wholeFile('adapters.safetensors', concatBytes(writeSafetensors(written))),
        wholeFile('README.md', new TextEncoder().encode(card)),
      ],
      summary: `${withArticle(kind.label)} adapter of rank ${rank} for mlx-lm, on ${plural(modules.length, 'layer')}.`,
    };
  },
};

/**
 * The factors of a layer as mlx-lm has them, with zeros up to the common rank.
 *
 * @returns a [inputs, rank], b [rank, outputs] times the ratio of the layer's scale to the common one
 */
function transposedFactors(
  module: LoraModule,
  tensors: ReadonlyMap<string, Float32Array>,
  rank: number,
  scale: number,
): { a: Float32Array<ArrayBuffer>; b: Float32Array<ArrayBuffer> } {
  const { path, inputs, outputs, rank: own } = module;
  const names = tensorNames(path);
  const [down, up] = [tensors.get(names.a)!, tensors.get(names.b)!];
  const ratio = module.scale / scale;
  const a = new Float32Array(inputs * rank);
  const b = new Float32Array(rank * outputs);
  for (let r = 0; r < own; r++) {
    for (let k = 0; k < inputs; k++) a[k * rank + r] = down[r * inputs + k];
    for (let n = 0; n < outputs; n++) b[r * outputs + n] = ratio * up[n * own + r];
  }
  return { a, b };
}
