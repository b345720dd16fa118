/** Reads a PEFT folder that came from elsewhere: its checksums first, if it has them. */
import type { ModelDefinition } from '../model/definition.ts';
import type { FileSet } from '../weights/bytes.ts';
import { checkSums } from '../weights/sums.ts';
import { PEFT_FILES, readPeft, type AdapterData } from './peft.ts';

/** @throws GraftError `sums-changed` naming a file that is not the exported one; as `readPeft` */
export async function readCheckedPeft(files: FileSet, model: ModelDefinition): Promise<AdapterData> {
  await checkSums(files, PEFT_FILES);
  return readPeft(files, model);
}
