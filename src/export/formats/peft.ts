/** The PEFT folder unchanged, after a check that it fits the base. */
import { addedTokens } from '../../adapters/tokens/tokens.ts';
import { memoryFiles } from '../../weights/bytes.ts';
import { modelFolder } from '../../weights/folder.ts';
import { fileNameOf } from '../folder-sink.ts';
import { tokenizerFiles } from '../grown-folder.ts';
import { PEFT_FORMAT } from '../model-card.ts';
import { readPeft, withBase } from '../peft.ts';
import { wholeFile, type ExportFormat } from './format.ts';

export const peft: ExportFormat = {
  name: 'peft',
  label: 'PEFT adapter',
  help: 'the adapter as a PEFT folder, for transformers and PEFT',
  ...PEFT_FORMAT,
  async prepare({ adapter, adapterName, base, model, place }) {
    const { modules } = await readPeft(memoryFiles(adapter, adapterName), model);
    const added = addedTokens(modules);
    const beside =
      added && !adapter['tokenizer.json'] ? await tokenizerFiles(await modelFolder(base), added) : {};
    return {
      folder: fileNameOf(adapterName),
      files: Object.entries({ ...(place ? withBase(adapter, place) : adapter), ...beside }).map(
        ([name, bytes]) => wholeFile(name, bytes),
      ),
      summary: 'only the adapter, with a card that says how to load it.',
    };
  },
};
