/** How often chance alone would do as much, in words. */
import { plural } from '../numbers.ts';

/** Rarer by chance than this is called a difference. */
export const LEVEL = 0.05;

/** From here on, “once in …” is clearer than a share. */
const RARE = 0.1;
const MILLIONTH = 1e-6;

/** How often chance alone does as much, for “would come … by chance”. */
export function oftenInWords(p: number): string {
  if (p >= 1) return 'every time';
  if (p >= RARE) return `${Math.round(p * 100)} times in 100`;
  return p < MILLIONTH
    ? 'less than once in a million times'
    : `about once in ${plural(Math.round(1 / p), 'time')}`;
}

/** A p value with two digits. */
export const pInWords = (p: number): string =>
  p < MILLIONTH ? 'p < 0.000001' : `p = ${p >= 1 ? 1 : Number(p.toPrecision(2))}`;

/** Whether tuning helped, as the start of a verdict. @param helps by the numbers @param sure whether they are hardly chance */
export function helpInWords(helps: boolean, sure: boolean): string {
  if (helps) return sure ? 'Tuning helped' : 'Tuning may have helped';
  return sure ? 'Tuning did not help' : 'No gain';
}
