/** Files that the system opens with the installed app, each to where it belongs. */
import type { Studio } from '../state/studio.svelte.ts';

/** The File Handling API, which TypeScript does not know yet: https://wicg.github.io/web-app-launch/#launchqueue-interface */
interface LaunchQueue {
  setConsumer(consumer: (launch: { readonly files: readonly { getFile(): Promise<File> }[] }) => void): void;
}
declare global {
  interface Window {
    readonly launchQueue?: LaunchQueue;
  }
}

/** Bytes of a safetensors header that are looked at for the names of an adapter's tensors. */
const HEADER_BYTES = 1 << 16;

export function openLaunched(studio: Studio): void {
  window.launchQueue?.setConsumer(({ files }) => {
    if (files.length > 0)
      void Promise.all(files.map((file) => file.getFile())).then((all) => open(studio, all));
  });
}

async function open(studio: Studio, files: readonly File[]): Promise<void> {
  const { route, run, session, adapters, data } = studio;
  const place = await placeOf(files);
  const failure = {
    code: 'app-training',
    what: `${files.map(({ name }) => name).join(', ')}: not opened, since a run is training.`,
    remedy: 'Pause or end the run, then open it again.',
  };
  route.go(place);
  if (place === 'data') {
    if (run.active) data.failure = failure;
    else {
      await studio.ready;
      await studio.rows.openFile(files[0]);
    }
  } else if (place === 'use') {
    if (run.active) adapters.failure = failure;
    else await adapters.bring(files);
  } else if (run.active) {
    session.modelFailure = failure;
  } else {
    await session.openFolder('', files);
  }
}

/** Rows are data, adapters go to the library, and what else has weights is a model. */
export async function placeOf(files: readonly File[]): Promise<'data' | 'use' | 'task'> {
  const ends = (ending: string): File | undefined =>
    files.find(({ name }) => name.toLowerCase().endsWith(ending));
  if (ends('.zip') || ends('adapter_config.json')) return 'use';
  if (ends('.gguf')) return 'task';
  const weights = ends('.safetensors');
  if (!weights) return 'data';
  return (await weights.slice(0, HEADER_BYTES).text()).includes('.lora_') ? 'use' : 'task';
}
