/** Base plus adapter as a folder for Transformers.js: an ONNX graph with a cache of keys and values, and the files of its tokenizer. Needs no GPU. */
import { memoryFiles } from '../../weights/bytes.ts';
import { convertedCard } from '../converted-card.ts';
import { fileNameOf } from '../folder-sink.ts';
import { openMerged } from '../merged-parts.ts';
import { onnxCompanions } from '../onnx/companions.ts';
import { onnxModel } from '../onnx/model.ts';
import { ONNX_TYPES, type OnnxType } from '../onnx/weights.ts';
import { readAfterPrompt } from '../peft.ts';
import { USUAL_TYPE, wholeFile, type ExportFormat } from './format.ts';

const FOLDER = 'onnx';
/** Transformers.js' name of each type, the file in which it looks for it, and how the numbers are stored. */
const STORED: Readonly<
  Record<OnnxType, { readonly dtype: string; readonly file: string; readonly words: string }>
> = {
  f32: { dtype: 'fp32', file: 'model', words: 'weights in f32' },
  f16: { dtype: 'fp16', file: 'model_fp16', words: 'weights in f16, computed in f32' },
  int8: {
    dtype: 'q8',
    file: 'model_quantized',
    words: 'weights in 8 bits with a scale for each row, computed in f32',
  },
};

export const onnx: ExportFormat = {
  name: 'onnx',
  label: 'ONNX',
  help: 'base plus adapter, or a tuned model, for Transformers.js and onnxruntime',
  loses: 'f16 rounds once. In int8, probabilities of SmolLM2-135M change by up to 0.11.',
  proof: 'onnxruntime gives the logits of PEFT. Transformers.js gives the greedy answers of Graft in a page.',
  types: ONNX_TYPES,
  bare: true,
  async prepare(parts) {
    const { model, adapterName, adapter } = parts;
    const type = (parts.type ?? USUAL_TYPE) as OnnxType;
    const { dtype, file, words } = STORED[type];
    const { folder, weights, facts } = await openMerged(parts);
    const { files, dataFiles } = onnxModel(`${FOLDER}/${file}`, { model, weights }, type);
    const place = { dtype, file: `${file}.onnx`, dataFiles };
    const companions = await onnxCompanions(folder, model, place);
    const { hardLimit, maxPositions } = model.shape;
    const note = hardLimit ? `It reads ${maxPositions} tokens at most.` : undefined;
    const name = fileNameOf(adapterName);
    const afterPrompt = facts.adapter ? await readAfterPrompt(memoryFiles(adapter, adapterName)) : '';
    const isChat = companions.tokenizer.chatTemplate !== undefined;
    const run = runSection(`${name}-${FOLDER}`, isChat, afterPrompt);
    const card = convertedCard({
      ...facts,
      ...{ tag: 'transformers.js', format: onnx, type, stored: words, note, run },
    });
    return {
      folder: `${name}-${FOLDER}`,
      files: [...companions.files, wholeFile('README.md', new TextEncoder().encode(card)), ...files],
      summary: [`one ONNX model, ${words}.`, ...(note === undefined ? [] : [note])].join(' '),
    };
  },
};

/** @param afterPrompt what stands between prompt and answer, for a model without a chat template */
function runSection(folder: string, isChat: boolean, afterPrompt: string): string {
  const input = isChat ? `[{ role: 'user', content: 'Hello' }]` : JSON.stringify(`Hello${afterPrompt}`);
  const answer = isChat ? 'generated_text.at(-1).content' : 'generated_text';
  const code = [
    `import { env, pipeline } from '@huggingface/transformers';`,
    '',
    'env.allowRemoteModels = false;',
    'env.allowLocalModels = true;',
    `env.localModelPath = '/models/';`,
    `const generator = await pipeline('text-generation', '${folder}');`,
    `const [{ generated_text }] = await generator(${input}, { max_new_tokens: 64, do_sample: false });`,
    `console.log(${answer});`,
  ];
  return `The folder has the layout of Transformers.js. Serve it under \`/models/${folder}/\`, or upload it to the hub and give its id there.

\`\`\`js
${code.join('\n')}
\`\`\``;
}
