/** A run that starts from an adapter of the library. */
import { withAdapter } from '../../adapters/chosen.ts';
import { GraftError } from '../../errors.ts';
import { readPeft, type AdapterData } from '../../export/peft.ts';
import { storedAdapterFiles, findAdapter } from '../../storage/adapters.ts';
import { memoryFiles } from '../../weights/bytes.ts';
import type { FormSpec } from '../api.ts';
import { isSameBase } from '../models/bases.ts';
import type { OpenModel } from '../models/model.ts';
import { unknownAdapter } from '../session.ts';

/**
 * The adapter, and the settings with those of the adapter. They are stored with the run, which can then be resumed without it.
 *
 * @throws GraftError `worker-no-adapter`, `run-other-base`, `adapter-…`
 */
export async function startingFrom(
  options: FormSpec,
  { info, model }: Pick<OpenModel, 'info' | 'model'>,
): Promise<{ readonly options: FormSpec; readonly start?: AdapterData }> {
  const { start: asked } = options;
  if (!asked) return { options };
  const [adapter, files] = await Promise.all([findAdapter(asked.id), storedAdapterFiles(asked.id)]);
  if (!adapter || !files) throw unknownAdapter();
  if (!isSameBase(adapter.baseModel, info.name))
    throw new GraftError(
      'run-other-base',
      `“${adapter.name}” is an adapter of ${adapter.baseModel}, and ${info.name} is open.`,
      'Open the model that it was trained on, or start from another adapter.',
    );
  const start = await readPeft(memoryFiles(files, adapter.name), model.definition);
  return { options: withAdapter(options, start.config), start };
}
