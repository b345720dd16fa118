import { threeDigits } from '../../../numbers.ts';

/** A share in percent with the digits of a measurement: 0.42%, 71.2%. */
export const mixShare = (value: number): string => (value < 1e-6 ? '0%' : `${threeDigits(100 * value)}%`);
