/**
 * A LoRA adapter for llama.cpp (`llama-cli --lora FILE`), as its convert_lora_to_gguf.py writes it, and llama-adapter.cpp reads it:
 *
 *   W + α / r · b · a     a [r, in], b [out, r], under the names of the base's tensors
 *
 * One alpha holds for all layers there, and r is each layer's own: the rest of a layer's scale is multiplied into b. If the converter moves the rows
 * of a weight (rotary pairs side by side), the rows of b move with them.
 */
import { kindOf } from '../../adapters/registry.ts';
import { tensorNames, type LoraModule } from '../../adapters/lora/config.ts';
import { GraftError } from '../../errors.ts';
import { plural, withArticle } from '../../numbers.ts';
import { memoryFiles } from '../../weights/bytes.ts';
import { layerPlace, pairsTogether } from '../../weights/gguf/architectures.ts';
import { writeGguf } from '../../weights/gguf/write.ts';
import { concatBytes } from '../../weights/safetensors.ts';
import { adapterCard } from '../converted-card.ts';
import { fileNameOf } from '../folder-sink.ts';
import { mergedInstead, readPeft, refuseBeside } from '../peft.ts';
import { wholeFile, type ExportFormat } from './format.ts';

export const gguf: ExportFormat = {
  name: 'gguf',
  label: 'GGUF adapter',
  help: 'a LoRA adapter for llama.cpp, next to the base as a GGUF file',
  loses: 'Nothing. llama.cpp adds it to the base.',
  proof: 'llama.cpp gives the probabilities of PEFT.',
  async prepare({ adapter, adapterName, baseModel, model }) {
    const data = await readPeft(memoryFiles(adapter, adapterName), model);
    const { config, modules, tensors } = data;
    const kind = kindOf(config);
    refuseBeside(data, adapterName);
    if (kind.name !== 'lora')
      throw new GraftError(
        'export-format',
        `${adapterName} is ${withArticle(kind.label)} adapter, and llama.cpp has LoRA.`,
        mergedInstead(kind, 'Export a merged model: gguf-merged is one file for llama.cpp.'),
      );
    const layers = modules as readonly LoraModule[];
    const [{ scale, rank }] = layers;
    const alpha = scale * rank;
    let architecture = '';
    const written = layers.flatMap((module) => {
      const place = layerPlace(model.modelType, module.path);
      if (!place)
        throw new GraftError(
          'export-format',
          `GGUF has no place for the adapter of ${module.path} in ${withArticle(model.modelType)} model.`,
          'Export a merged model: gguf-merged is one file for llama.cpp.',
        );
      architecture = place.architecture;
      const names = tensorNames(module.path);
      const { inputs, outputs, rank: own } = module;
      const rows = place.rotary && pairsTogether(outputs, model.shape[place.rotary]);
      const ratio = (module.scale * own) / alpha;
      return [
        { name: `${place.stem}.weight.lora_a`, shape: [own, inputs], data: tensors.get(names.a)! },
        {
          name: `${place.stem}.weight.lora_b`,
          shape: [outputs, own],
          data: movedRows(tensors.get(names.b)!, own, ratio, rows),
        },
      ];
    });
    const bytes = writeGguf(
      [
        ['general.type', 'text', 'adapter'],
        ['general.architecture', 'text', architecture],
        ['general.name', 'text', adapterName],
        ['adapter.type', 'text', 'lora'],
        ['adapter.lora.alpha', 'f32', alpha],
      ],
      written,
    );
    const name = fileNameOf(adapterName);
    const card = adapterCard({
      format: gguf,
      ...{ baseModel, name: adapterName, tag: 'gguf', kind: kind.label, adapter },
      run: `BASE.gguf is the base as a GGUF file.\n\n\`\`\`sh\nllama-cli -m BASE.gguf --lora ${name}.gguf\n\`\`\``,
    });
    return {
      folder: `${name}-gguf`,
      files: [
        wholeFile(`${name}.gguf`, concatBytes(bytes)),
        wholeFile('README.md', new TextEncoder().encode(card)),
      ],
      summary: `a LoRA adapter for llama.cpp, on ${plural(layers.length, 'layer')}.`,
    };
  },
};

/** b [outputs, rank] times a number, with its rows where the converter puts them. */
function movedRows(
  b: Float32Array<ArrayBuffer>,
  rank: number,
  ratio: number,
  from: (row: number) => number = (row) => row,
): Float32Array<ArrayBuffer> {
  return b.map((_, at) => ratio * b[from(Math.floor(at / rank)) * rank + (at % rank)]);
}
