/**
 * An adapter for mlx-lm (`mlx_lm.generate --adapter-path`), by its tuner/utils.py and tuner/lora.py: W + scale · (a · b)ᵀ with a [in, r] and
 * b [r, out]. One rank and one scale hold for all layers there: smaller ranks are filled up with zeros, another scale is put into b. Its
 * `num_layers` counts from the last layer; a layer among those without tensors in the file stays as it was.
 */
import { GraftError } from '../../errors.ts';
import { kindOf } from '../../adapters/registry.ts';
import { tensorNames, type LoraConfig, type LoraModule } from '../../adapters/lora/config.ts';
import { memoryFiles } from '../../weights/bytes.ts';
import { concatBytes, writeSafetensors } from '../../weights/safetensors.ts';
import { readPeft } from '../peft.ts';
import { wholeFile, type ExportFormat } from './format.ts';

/** The names of layers are those of the Hugging Face folder in the families that mlx-lm has under `model.layers`. */
const LAYER = /^model\.layers\.(\d+)\.(.+)$/;

export const mlx: ExportFormat = {
  name: 'mlx',
  help: 'the adapter for mlx-lm on a Mac (adapter_config.json and adapters.safetensors)',
  async prepare({ adapter, adapterName, model }) {
    const data = await readPeft(memoryFiles(adapter, adapterName), model);
    const kind = kindOf(data.config);
    if (kind.name !== 'lora')
      throw new GraftError(
        'export-format',
        `${adapterName} is a ${kind.label} adapter, and this format takes LoRA.`,
        'Export a merged model.',
      );
    const { tensors } = data;
    const config = data.config as LoraConfig;
    const modules = data.modules as readonly LoraModule[];
    const rank = modules.reduce((most, module) => Math.max(most, module.rank), 0);
    const [{ scale }] = modules;
    const keys = new Set<string>();
    let first = model.shape.layers;
    const written = modules.flatMap((module) => {
      const found = LAYER.exec(module.path);
      if (!found)
        throw new GraftError(
          'export-format',
          `MLX has no place for the adapter of ${module.path}: it takes those of layers under model.layers.`,
          'Train on the linear layers of a Llama-like model, or export a merged model.',
        );
      first = Math.min(first, Number(found[1]));
      keys.add(found[2]);
      const { path, inputs, outputs, rank: own } = module;
      const names = tensorNames(path);
      const [a, b] = [tensors.get(names.a)!, tensors.get(names.b)!];
      const ratio = module.scale / scale;
      const left = new Float32Array(inputs * rank);
      const right = new Float32Array(rank * outputs);
      for (let r = 0; r < own; r++) {
        for (let k = 0; k < inputs; k++) left[k * rank + r] = a[r * inputs + k];
        for (let n = 0; n < outputs; n++) right[r * outputs + n] = ratio * b[n * own + r];
      }
      return [
        { name: `${path}.lora_a`, dtype: 'F32' as const, shape: [inputs, rank], data: left },
        { name: `${path}.lora_b`, dtype: 'F32' as const, shape: [rank, outputs], data: right },
      ];
    });
    const settings = {
      fine_tune_type: 'lora',
      num_layers: model.shape.layers - first,
      lora_parameters: { rank, scale, dropout: config.dropout, keys: [...keys].sort() },
    };
    return [
      wholeFile('adapter_config.json', new TextEncoder().encode(`${JSON.stringify(settings, null, 2)}\n`)),
      wholeFile('adapters.safetensors', concatBytes(writeSafetensors(written))),
    ];
  },
};
