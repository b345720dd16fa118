/** JSON in a completion. */
import { jsonDepth, MAX_JSON_DEPTH } from '../../json.ts';
import type { ScorerSetting } from '../scorer.ts';

export const FENCED = {
  name: 'fenced',
  part: 'run',
  type: 'switch',
  label: 'Also in a code fence',
  help: 'Take JSON between ``` and ``` as well, with other text around it.',
  default: false,
} as const satisfies ScorerSetting;

const FENCE = '```';

/** The content of the first code fence, or the text itself if there is none. */
function unfenced(text: string): string {
  const open = text.indexOf(FENCE);
  const start = open < 0 ? -1 : text.indexOf('\n', open);
  const end = start < 0 ? -1 : text.indexOf(FENCE, start);
  return end < 0 ? text : text.slice(start, end);
}

/** A JSON value: undefined means that there is none. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** @returns the value of a text; undefined if it is not JSON, or nested more than MAX_JSON_DEPTH levels deep */
export function jsonOf(text: string, fenced: boolean): Json | undefined {
  const json = fenced ? unfenced(text) : text;
  if (jsonDepth(json, MAX_JSON_DEPTH) > MAX_JSON_DEPTH) return undefined;
  try {
    return JSON.parse(json) as Json;
  } catch {
    return undefined;
  }
}

/** Whether a JSON value is an object: neither null nor a list. */
export const isJsonObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether two values are the same JSON, whatever the order of keys. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item: Json, at) => sameJson(item, b[at] as Json));
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  );
}
