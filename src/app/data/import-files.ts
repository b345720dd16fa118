/** Files that are dropped anywhere on the page, or opened with the installed app: each goes where it belongs. */
import { isRowFile, ROW_ENDINGS } from '../../data/row-endings.ts';
import { everythingOf } from '../storage/everything.svelte.ts';
import { folderFiles } from '../ui/files.ts';
import type { Studio } from '../state/studio.svelte.ts';

/** What takes files. */
export type Taker = 'data' | 'use' | 'task' | 'storage' | 'evaluate';

/** Bytes of a safetensors header that are looked at for the names of an adapter's tensors. */
const HEADER_BYTES = 1 << 16;
/** A zip starts with the header of its first file, whose name is at this place. */
const NAME_IN_ZIP = 30;
/** Bytes of a JSON file that are looked at for its format. */
const FORMAT_BYTES = 200;
/** Bytes at the end of a zip that are looked at for the names of its files. */
const NAMES_BYTES = 1 << 16;
/** The first file of everything, or of a project, as Graft exports it. */
const EXPORTED = 'graft.json';

/** Opens files at their place. @param here what takes those that nothing says a place of */
export async function importFiles(studio: Studio, files: readonly File[], here?: Taker): Promise<void> {
  if (files.length === 0) return;
  const { route, run, session, adapters, data } = studio;
  const place = await importPlace(files, here);
  const failure = {
    code: 'app-training',
    what: `${files.map(({ name }) => name).join(', ')}: not opened, since a run is training.`,
    remedy: 'Pause or end the run, then open it again.',
  };
  route.go(place);
  await studio.ready;
  if (place === 'data') {
    if (run.active) data.failure = failure;
    else {
      // Beside the rows of the project, not in place of them.
      await studio.project.openRows();
      await studio.rows.openFiles(files);
    }
  } else if (place === 'use') {
    if (run.active) adapters.failure = failure;
    else await adapters.bring(files);
  } else if (place === 'evaluate') {
    await studio.evaluation.open(files[0]);
  } else if (place === 'storage') {
    const everything = everythingOf(studio);
    if (run.active) everything.failure = failure;
    else if (everything.busy === undefined) {
      await everything.import(files[0]);
      await studio.project.imported();
    }
  } else if (run.active) {
    session.modelFailure = failure;
  } else {
    await session.openFolder(folderFiles(files[0]), files);
  }
}

/** Rows are data, adapters go to the library, exports to the storage, and what else has weights is a model. */
export async function importPlace(files: readonly File[], here: Taker = 'data'): Promise<Taker> {
  const ends = (ending: string): File | undefined =>
    files.find(({ name }) => name.toLowerCase().endsWith(ending));
  const zip = ends('.zip');
  if (zip) {
    if (here === 'storage' || (await isExport(zip))) return 'storage';
    return (await holdsRows(zip)) ? 'data' : 'use';
  }
  if (ends('adapter_config.json')) return 'use';
  if (ends('.gguf')) return 'task';
  const weights = ends('.safetensors');
  if (weights) return (await weights.slice(0, HEADER_BYTES).text()).includes('.lora_') ? 'use' : 'task';
  if (files.some(({ name }) => name === 'config.json')) return 'task';
  const [json] = files;
  if (files.length === 1 && json.name.toLowerCase().endsWith('.json') && (await isEvaluation(json)))
    return 'evaluate';
  return files.every(isRowFile) ? 'data' : here;
}

/** The record of an evaluation starts with its format. */
const isEvaluation = async (file: File): Promise<boolean> =>
  /^\uFEFF?\s*\{\s*"format"\s*:\s*"graft-evaluation"/.test(await file.slice(0, FORMAT_BYTES).text());

async function isExport(zip: File): Promise<boolean> {
  const name = zip.slice(NAME_IN_ZIP, NAME_IN_ZIP + EXPORTED.length);
  return (await name.text()) === EXPORTED;
}

/** The end of a zip names its files: an adapter has weights, and rows have none. */
async function holdsRows(zip: File): Promise<boolean> {
  const names = await zip.slice(-NAMES_BYTES).text();
  return (
    !/adapter_config\.json|\.safetensors/.test(names) && ROW_ENDINGS.some((ending) => names.includes(ending))
  );
}
