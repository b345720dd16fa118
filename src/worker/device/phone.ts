/** The memory that a phone leaves to a tab. No browser reports it: a tab that takes more is ended without a word. */

/** iOS ends a tab at about 1.5 GB, on every iPhone. */
const IOS_BYTES = 1.5e9;
/** The rest is for the page, and for the pieces of a model while it is loaded: a guess. */
const RUN_SHARE = 0.8;
/** Android phones share their memory among apps that stay in it: a guess. */
const ANDROID_SHARE = 0.5;
const GIB = 2 ** 30;

/** The parts of `navigator` that show a phone. Chrome has `userAgentData` and `deviceMemory`, the others have neither. */
export interface PhoneSigns {
  readonly userAgent: string;
  readonly userAgentData?: { readonly mobile: boolean };
  /** GiB, rounded down to a power of two. */
  readonly deviceMemory?: number;
}

/** Bytes that a run may take on this phone or tablet; undefined elsewhere. An iPad that asks for desktop pages cannot be distinguished from a Mac. */
export function phoneBytes({ userAgent, userAgentData, deviceMemory }: PhoneSigns): number | undefined {
  if (/\b(iPhone|iPad|iPod)\b/.test(userAgent)) return RUN_SHARE * IOS_BYTES;
  const isPhone = userAgentData?.mobile ?? /\b(Android|Mobile)\b/.test(userAgent);
  if (!isPhone) return undefined;
  return RUN_SHARE * (deviceMemory === undefined ? IOS_BYTES : ANDROID_SHARE * deviceMemory * GIB);
}
