/** A folder for Ollama: a Modelfile and its GGUF files, merged or as a pair of base and adapter. */
import { GraftError } from '../../errors.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import { memoryFiles } from '../../weights/bytes.ts';
import { modelFolder } from '../../weights/folder.ts';
import { GgufFolder } from '../../weights/gguf/folder.ts';
import { adapterCard } from '../converted-card.ts';
import { fileNameOf, type FolderFile } from '../folder-sink.ts';
import { GGUF_TYPES } from '../gguf/types.ts';
import { modelfile } from '../ollama/modelfile.ts';
import { readAfterPrompt } from '../peft.ts';
import { USUAL_TYPE, wholeFile, type ExportFormat, type Parts } from './format.ts';
import { prepareGguf } from './gguf-merged.ts';
import { gguf } from './gguf.ts';

/** Base and adapter as two files: nothing is rounded twice, and adapters can share a base. */
export const PAIR = 'pair';
const MODELFILE = 'Modelfile';
const CARD = 'README.md';

export const ollama: ExportFormat = {
  name: 'ollama',
  label: 'Ollama',
  help: 'a Modelfile for ollama create, and base plus adapter as a GGUF file',
  loses: 'As in a merged GGUF file. As a pair nothing.',
  proof: 'llama.cpp reads its GGUF files. Ollama itself is not run.',
  types: [...GGUF_TYPES, PAIR],
  bare: true,
  takesSystem: true,
  measurable: true,
  async prepare(parts) {
    const { adapter, adapterName, type, system } = parts;
    const isPair = type === PAIR;
    const isAdapter = Object.keys(adapter).length > 0;
    if (isPair && !isAdapter)
      throw new GraftError(
        'export-format',
        'A pair is a base and an adapter, and no adapter is given.',
        'Give the adapter, or choose another type.',
      );
    const { files, folder, summary, card } = isPair ? await pairOf(parts) : await mergedOf(parts);
    const [from, apart] = files;
    const name = fileNameOf(adapterName);
    const { text, notes } = modelfile({
      ...{ from: from.name, ...(isPair && { adapter: apart.name }), now: new Date() },
      tokenizer: await loadTokenizer(folder),
      afterPrompt: isAdapter ? await readAfterPrompt(memoryFiles(adapter, adapterName)) : '',
      ...(system !== undefined && { system }),
    });
    const run = `## Ollama\n\n\`\`\`sh\nollama create ${name} -f ${MODELFILE}\nollama run ${name}\n\`\`\`\n`;
    return {
      folder: `${name}-ollama`,
      files: [
        ...files,
        wholeFile(MODELFILE, new TextEncoder().encode(text)),
        wholeFile(CARD, new TextEncoder().encode(`${card}\n${run}`)),
      ],
      summary: [summary, ...notes].join(' '),
    };
  },
};

interface Made {
  readonly files: readonly FolderFile[];
  /** With the tokenizer of the model. */
  readonly folder: Awaited<ReturnType<typeof modelFolder>>;
  readonly summary: string;
  readonly card: string;
}

async function mergedOf(parts: Parts): Promise<Made> {
  const { file, folder, summary, card } = await prepareGguf(parts, ollama);
  return { files: [file], folder, summary, card };
}

/** @throws GraftError `export-format` for an adapter that llama.cpp does not have */
async function pairOf(parts: Parts): Promise<Made> {
  const adapted = await gguf.prepare(parts);
  const folder = await modelFolder(parts.base);
  // A GGUF file is copied unchanged: the adapter was trained on its numbers.
  const base =
    folder instanceof GgufFolder
      ? copyOf(folder, adapted.files)
      : (await prepareGguf({ ...parts, adapter: {}, adapterName: parts.baseModel, type: USUAL_TYPE }, ollama))
          .file;
  const { baseModel, adapterName: name, adapter } = parts;
  const apart = adapted.files.find((file) => file.name.endsWith('.gguf'))!;
  const run = `\`\`\`sh\nllama-cli -m ${base.name} --lora ${apart.name}\n\`\`\``;
  return {
    files: [base, apart],
    folder,
    summary: `the base and ${adapted.summary}`,
    // The format of the adapter has refused every kind but this.
    card: adapterCard({ baseModel, name, adapter, run, tag: 'gguf', kind: 'LoRA', format: ollama }),
  };
}

const CHUNK = 4 * 2 ** 20;

function copyOf({ header: { source } }: GgufFolder, others: readonly FolderFile[]): FolderFile {
  const name = fileNameOf(source.name);
  return {
    name: others.some((other) => other.name === name) ? `base-${name}` : name,
    size: source.size,
    async *read() {
      for (let start = 0; start < source.size; start += CHUNK)
        yield await source.read(start, Math.min(start + CHUNK, source.size));
    },
  };
}
