/** The text after a prompt if the model has no chat template: as in the adapter's rows, unless a flag gives another. */
import { readAfterPrompt } from '../export/peft.ts';
import { folder } from './files.ts';
import type { Flags, FlagSpecs } from './flags.ts';

export const afterPromptFlag = {
  value: 'TEXT',
  help: 'for a model without a chat template: what stands between prompt and answer, such as \\n (default: what did in the rows of the adapter)',
} as const;

/** @param adapter path of its folder @throws GraftError `adapter-missing`, `safetensors` */
export async function readAfterFlag(
  flags: Flags<{ 'after-prompt': FlagSpecs[string] }>,
  adapter: string | undefined,
): Promise<string> {
  const given = flags.text('after-prompt');
  if (given !== undefined) return given.replaceAll('\\n', '\n');
  return adapter === undefined ? '' : readAfterPrompt(folder(adapter));
}
