/** The PEFT folder as it is, once it is known to fit the base. */
import { memoryFiles } from '../../weights/bytes.ts';
import { readPeft } from '../peft.ts';
import { wholeFile, type ExportFormat } from './format.ts';

export const peft: ExportFormat = {
  name: 'peft',
  help: 'the adapter as a PEFT folder, for transformers and PEFT',
  async prepare({ adapter, adapterName, model }) {
    await readPeft(memoryFiles(adapter, adapterName), model);
    return Object.entries(adapter).map(([name, bytes]) => wholeFile(name, bytes));
  },
};
