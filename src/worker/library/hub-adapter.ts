/** An adapter of the hub, into memory: it is imported as its files from disk are. */
import { GraftError } from '../../errors.ts';
import { zipTooLarge } from '../../export/adapter-zip.ts';
import { fetchModel, findHubAdapter } from '../../weights/hub.ts';
import { MemorySink } from '../../weights/hub/memory-sink.ts';
import { ADAPTER_LIMITS } from './adapters.ts';
import { chosenHub, whileAllowed } from '../models/download-api.ts';
import type { SliceWatch } from '../slices.ts';
import { following } from '../stopping.ts';

/** A tokenizer, or a list of checksums. */
const MAX_BESIDE = 64 * 2 ** 20;

/** @throws GraftError `hub-…`, `file-too-large`, `worker-aborted` */
export async function fetchAdapter(
  asked: string,
  token: string | undefined,
  { onProgress, signal }: SliceWatch,
): Promise<{ name: string; files: File[] }> {
  const controller = following(signal, stopped);
  const options = {
    hub: await chosenHub(),
    signal: controller.signal,
    ...(token !== undefined && token !== '' && { token }),
  };
  const sink = new MemorySink();
  const offer = await whileAllowed(asked, controller, async () => {
    const found = await findHubAdapter(asked, options);
    for (const { name, size = 0 } of found.files) {
      const limit = (ADAPTER_LIMITS as Readonly<Partial<Record<string, number>>>)[name] ?? MAX_BESIDE;
      if (size > limit) throw zipTooLarge(`${found.name}/${name}`, size, limit);
    }
    await fetchModel(found, sink, options, ({ done, total = 0 }) =>
      onProgress({ what: 'reading', done, total: Math.max(done, total) }),
    );
    return found;
  });
  return {
    name: offer.name.slice(offer.name.lastIndexOf('/') + 1),
    files: offer.files.map(({ name }) => new File([sink.blob(name)], name)),
  };
}

function stopped(): GraftError {
  return new GraftError(
    'worker-aborted',
    'Importing the adapter was stopped.',
    'Import it again when you like.',
  );
}
