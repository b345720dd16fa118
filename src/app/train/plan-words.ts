/** What the plan of a run says, in words. */
import type { DeviceFacts, RunMemory } from '../../worker/api.ts';
import { bytes } from '../ui/format.ts';
import type { DeviceWords } from '../state/device.svelte.ts';

const NAMES = {
  buffer: 'one buffer',
  binding: 'one buffer that a shader reads',
  memory: 'everything',
} as const;

/** Why a run does not fit, a sentence for each reason. */
export function misfits({ problems }: RunMemory, on: DeviceWords): string[] {
  return problems.map(({ limit, label, bytes: needed, allowed }) =>
    limit === 'memory' && allowed === on.phoneBytes
      ? `“${label}” needs ${bytes(needed)}. Above ${bytes(allowed)}, this phone may close the page in the middle of a run.`
      : limit === 'dispatch'
        ? `“${label}” works on too many rows: ${needed} groups of them, but a GPU takes at most ${allowed}.`
        : `“${label}” needs ${bytes(needed)}, and ${on.this} allows ${bytes(allowed)} for ${NAMES[limit]}.`,
  );
}

/** How much fits, as the end of the sentence that says how much a run needs. */
export function fitsNote(
  on: DeviceWords & { readonly facts?: Pick<DeviceFacts, 'maxBufferBytes'> | undefined },
): string {
  if (on.phoneBytes !== undefined)
    return `; up to ${bytes(on.phoneBytes)} fits: above that, a phone may close the page in the middle of a run.`;
  return on.isProcessor && on.facts
    ? `; up to ${bytes(on.facts.maxBufferBytes)} fits.`
    : `; no buffer is larger than ${on.this} allows.`;
}

/** Many people's GPUs have no more than this, and other programs take some of it. */
const MUCH_BYTES = 4 * 2 ** 30;

/** A warning about a run that may need more than the GPU has, which a browser does not report; undefined for others. */
export function muchNote(
  { peakBytes, problems, checkpointed }: Pick<RunMemory, 'peakBytes' | 'problems' | 'checkpointed'>,
  batch: number,
  on: DeviceWords,
): string | undefined {
  if (problems.length > 0 || peakBytes <= MUCH_BYTES) return undefined;
  const way = checkpointed
    ? ` Turn activation checkpointing on${batch > 1 ? ', or choose a smaller batch size' : ''}.`
    : batch > 1
      ? ' Choose a smaller batch size.'
      : '';
  return `Many ${on.isProcessor ? 'machines' : 'GPUs'} have less memory than this, and a browser does not report how much there is. The run may fail, or slow the machine down.${way}`;
}

/** Which weights are split into shards because one buffer cannot hold them; undefined if none is. */
export function splitNote({ split }: RunMemory, on: DeviceWords): string | undefined {
  if (split.length === 0) return undefined;
  const [{ label, pieces, bytes: largest }, ...others] = split;
  const rest = others.length > 0 ? `, and ${others.length} more like it` : '';
  return `“${label}” is larger than ${on.this} allows for one buffer: it is split into ${pieces} shards of at most ${bytes(largest)}${rest}.`;
}
