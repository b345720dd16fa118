/** Secrets and personal data in the text of rows. */
import type { Checked, Found } from './finding.ts';
import { readRows, wholeOf } from './texts.ts';

export function findPrivate({ rows }: Checked): Found[] {
  const texts = readRows(rows).map(({ row, example }) => ({ row, text: wholeOf(example) }));
  const having = (has: (text: string) => boolean): number[] =>
    texts.filter(({ text }) => has(text)).map(({ row }) => row);
  return [
    { id: 'secret', rows: having(hasSecret) },
    { id: 'card-number', rows: having(hasCardNumber) },
    { id: 'e-mail-address', rows: having(hasAddress) },
  ];
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
const LONG_WORD = /(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_=-]{32,200}/g;
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
    if (/\d/.test(value) && /[A-Za-z]/.test(value) && entropyOf(value) >= NAMED_BITS) return true;
  for (const [word] of text.matchAll(LONG_WORD))
    // A path has slashes, and its parts are words.
    if (isMixed(word) && !/\/[a-z]+\//.test(word) && entropyOf(word) >= RANDOM_BITS) return true;
  return false;
}

/** Cards of the industries that issue them begin with 2 to 6 (ISO/IEC 7812). */
const CARD = /(?<![\d.])[2-6](?:[ -]?\d){12,18}(?![\d]|[ -]\d)/g;

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
  for (const [match] of text.matchAll(CARD)) {
    const digits = match.replace(/\D/g, '');
    if (new Set(digits).size > 1 && passesLuhn(digits)) return true;
  }
  return false;
}

const ADDRESS = /[\w.%+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b/i;

const hasAddress = (text: string): boolean => text.includes('@') && ADDRESS.test(text);
