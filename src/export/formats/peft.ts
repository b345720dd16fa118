/** The PEFT folder unchanged, after a check that it fits the base. */
import { memoryFiles } from '../../weights/bytes.ts';
import { fileNameOf } from '../folder-sink.ts';
import { readPeft, withBase } from '../peft.ts';
import { wholeFile, type ExportFormat } from './format.ts';

export const peft: ExportFormat = {
  name: 'peft',
  label: 'PEFT adapter',
  help: 'the adapter as a PEFT folder, for transformers and PEFT',
  async prepare({ adapter, adapterName, model, place }) {
    await readPeft(memoryFiles(adapter, adapterName), model);
    return {
      folder: fileNameOf(adapterName),
      files: Object.entries(place ? withBase(adapter, place) : adapter).map(([name, bytes]) =>
        wholeFile(name, bytes),
      ),
      summary: 'the adapter alone, with a card that says how to load it.',
    };
  },
};
