/** What an export will write, in words. */
import type { ExportedChat, ExportPlan, FormatInfo } from '../../worker/api.ts';
import { bytes } from '../ui/format.ts';
import { plural } from '../../numbers.ts';

export function planWords({ bytes: size, files, summary }: Omit<ExportPlan, 'free'>): string {
  return `A folder of ${bytes(size)} in ${plural(files.length, 'file')}: ${summary}`;
}

/** A zip is put together in the browser's own storage, and the download is a second copy. */
export const fitsZip = ({ bytes: size, free }: Pick<ExportPlan, 'bytes' | 'free'>): boolean => size <= free;

/** The free room, as far as the browser tells. */
export function roomWords(plan: Pick<ExportPlan, 'bytes' | 'free'>): string {
  return fitsZip(plan)
    ? `The browser has ${bytes(plan.free)} of room for this page. The zip takes ${bytes(plan.bytes)} of it until the next visit, and as much again where you save it.`
    : `A zip needs ${bytes(plan.bytes)} in the browser's own storage, and ${bytes(plan.free)} are left. Delete models or adapters that you no longer need.`;
}

/** A number format of weights, as a choice. */
export const typeLabel = (type: string): string => (type === 'pair' ? 'base and adapter apart' : type);

/** What a program takes over from the chat of this page; undefined for a format that takes nothing. */
export function chatWords(
  { takesSystem, takesChat }: Pick<FormatInfo, 'takesSystem' | 'takesChat'>,
  { settings: { temperature, maxNewTokens }, system, single }: ExportedChat,
): string | undefined {
  const prompt = system === '' ? 'no system prompt' : `the system prompt “${system}”`;
  if (takesChat)
    return `It starts as the chat on this screen: temperature ${temperature}, ${plural(maxNewTokens, 'new token')} at most, ${prompt}, ${single ? 'each question by itself' : 'as a conversation'}.`;
  return takesSystem && system !== ''
    ? `It gets the system prompt of the chat on this screen: “${system}”.`
    : undefined;
}
