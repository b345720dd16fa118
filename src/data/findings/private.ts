/** Secrets and personal data in the text of rows. */
import type { RuleAtWork } from './finding.ts';
import { wholeRowText } from './texts.ts';

export function findPrivate(): RuleAtWork {
  const secrets: number[] = [];
  const cards: number[] = [];
  const addresses: number[] = [];
  return {
    see({ row, example }) {
      if (!example) return;
      const text = wholeRowText(example);
      if (hasSecret(text)) secrets.push(row);
      if (hasCardNumber(text)) cards.push(row);
      if (hasAddress(text)) addresses.push(row);
    },
    found: () => [
      { id: 'secret', rows: secrets },
      { id: 'card-number', rows: cards },
      { id: 'e-mail-address', rows: addresses },
    ],
  };
}

/** Keys as their issuers write them: OpenAI and Anthropic, GitHub, GitLab, AWS, Slack, Google, Hugging Face, Stripe, npm; JSON web tokens and PEM. */
const KNOWN_KEYS = [
  /\bsk-[\w-]{20,}/,
  /\bgh[pousr]_\w{30,}/,
  /\bgithub_pat_\w{22,}/,
  /\bglpat-[\w-]{20,}/,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  /\bxox[abeoprs]-[\w-]{10,}/,
  /\bAIza[\w-]{35}/,
  /\bhf_[A-Za-z0-9]{30,}/,
  /\b[rs]k_(?:live|test)_\w{16,}/,
  /\bnpm_[A-Za-z0-9]{36}/,
  /\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\./,
  /-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----/,
];
/** `password: …`, `api_key=…`. */
const NAMED_SECRET =
  /(?:password|passwd|secret|token|api[_ -]?key|access[_ -]?key)["']?\s{0,3}(?:is:?\s|[:=])\s{0,3}["']?([^\s"',;]{8,200})/gi;
/** A longer word is data, such as a picture. */
const LONG_WORD = /(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_=-]{32,200}(?![A-Za-z0-9+/_=-])/g;
/** An integrity hash, a path with words between its slashes, and an identifier of whole words. Of 32 random characters one in twenty has such a run. */
const NOT_RANDOM = /^sha\d+-|\/[a-z]+\/|[a-z]{7}/;
/** Code and placeholders after `token =`: a call, a field, a variable. */
const CODE = /^[A-Za-z_]\w*(?:\.\w+)*[([]|^[<{$%*[(]|^(?:process|os|config|self|this|env|settings)\./;
/** Bits for each character: English has about 4.1 with far fewer kinds of characters, random base64 of 32 characters about 4.6. */
const RANDOM_BITS = 4.2;
const NAMED_BITS = 2.7;

function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const times of counts.values()) bits -= (times / text.length) * Math.log2(times / text.length);
  return bits;
}

const isMixed = (text: string): boolean => /[a-z]/.test(text) && /[A-Z]/.test(text) && /\d/.test(text);

function hasSecret(text: string): boolean {
  if (KNOWN_KEYS.some((pattern) => pattern.test(text))) return true;
  for (const [, value] of text.matchAll(NAMED_SECRET))
    if (!CODE.test(value) && /\d/.test(value) && /[A-Za-z]/.test(value) && entropyOf(value) >= NAMED_BITS)
      return true;
  for (const [word] of text.matchAll(LONG_WORD))
    if (isMixed(word) && !NOT_RANDOM.test(word) && entropyOf(word) >= RANDOM_BITS) return true;
  return false;
}

/** Digits that are a text of their own, not a part of an identifier, an address or a decimal. */
const CARD = /(?<![\w./#&-]|\d[ ])[2-6](?:[ -]?\d){12,18}(?!\w|[ -]\d|\.\d)/g;
/** Numbers as issuers give them (ISO/IEC 7812): Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay, Maestro. */
const ISSUED = [
  /^4(?:\d{12}|\d{15}|\d{18})$/,
  /^(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}$/,
  /^3[47]\d{13}$/,
  /^6(?:011|5\d{2}|4[4-9]\d)\d{12}$/,
  /^3(?:0[0-5]|[68]\d)\d{11}$/,
  /^35(?:2[89]|[3-8]\d)\d{12}$/,
  /^62\d{14,17}$/,
  /^(?:5018|5020|5038|6304|6759|676[1-3])\d{8,15}$/,
];
/** Words in front of a number that say that it is something else. One in ten of these passes the check digit. */
const OTHER_NUMBER =
  /(?:order|\bid|tracking|invoice|parcel|shipment|reference|\bref|ticket|isbn|imei|phone|serial|timestamp)["']?[\s_-]*(?:id|number|code|no\.?|nr\.?)?["']?[\s:=#]*(?:is\s)?["']?$/i;
const LOOKED_BACK = 40;

/** The check digit of payment cards. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at++) {
    const digit = Number(digits[digits.length - 1 - at]);
    const doubled = at % 2 === 1 ? 2 * digit : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

function hasCardNumber(text: string): boolean {
  for (const { 0: match, index } of text.matchAll(CARD)) {
    const digits = match.replace(/\D/g, '');
    const isIssued = new Set(digits).size > 1 && ISSUED.some((pattern) => pattern.test(digits));
    const before = text.slice(Math.max(0, index - LOOKED_BACK), index);
    if (isIssued && passesLuhn(digits) && !OTHER_NUMBER.test(before)) return true;
  }
  return false;
}

const ADDRESS = /[\w.%+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b/i;

const hasAddress = (text: string): boolean => text.includes('@') && ADDRESS.test(text);
