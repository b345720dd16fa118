/** What a merged model will be, in words. */
import type { MergePlan } from '../../worker/api.ts';
import { bytes, plural } from '../ui/format.ts';

const NAMES: Readonly<Record<string, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/** “float16”, “bfloat16, and float32 for the rest”. */
export function dtypeWords(dtypes: readonly string[]): string {
  const [first, ...others] = dtypes.map((dtype) => NAMES[dtype] ?? dtype);
  return others.length === 0 ? first : `${first}, and ${others.join(' and ')} for the rest`;
}

export function planWords({ bytes: size, dtypes, layers, files }: MergePlan): string {
  return `A model folder of ${bytes(size)} in ${plural(files.length, 'file')}: ${dtypeWords(dtypes)}, as the base has it, with the adapter added in ${plural(layers, 'layer')}.`;
}

/** A zip is put together in the browser's own storage, and the download is a second copy. */
export const fitsZip = ({ bytes: size, free }: Pick<MergePlan, 'bytes' | 'free'>): boolean => size <= free;

/** What is known of the room there is. */
export function roomWords(plan: Pick<MergePlan, 'bytes' | 'free'>): string {
  return fitsZip(plan)
    ? `The browser has ${bytes(plan.free)} of room for this page. The zip takes ${bytes(plan.bytes)} of it until the next visit, and as much again where you save it.`
    : `A zip needs ${bytes(plan.bytes)} in the browser's own storage, and ${bytes(plan.free)} are left. Delete models or adapters that you no longer need.`;
}
