/** The result of comparing a GPU with the processor, in words. */
import { isObject } from '../json.ts';

/** The result of a check. Plain JSON: callers keep it. */
export interface DeviceCheck {
  readonly cases: number;
  /** The largest difference among the cases that agree, as a part of the largest number of a tensor. */
  readonly worst: number;
  /** Kinds of kernels that were given up, since they computed something else. */
  readonly dropped: readonly string[];
  /** Cases that differ also with the simplest kernels. */
  readonly differing: readonly string[];
}

/** Whether something that was kept is a check. */
export function isCheck(value: unknown): value is DeviceCheck {
  if (!isObject(value)) return false;
  const { cases, worst, dropped, differing } = value;
  const isList = (list: unknown): boolean =>
    Array.isArray(list) && list.every((name) => typeof name === 'string');
  return typeof cases === 'number' && typeof worst === 'number' && isList(dropped) && isList(differing);
}

/** A check in one sentence. */
export function checkWords({ cases, worst, dropped, differing }: DeviceCheck): string {
  const given =
    dropped.length > 0 ? ` Given up, since they computed something else: ${dropped.join(', ')}.` : '';
  if (differing.length > 0)
    return `${differing.length} of ${cases} checks differ from the CPU: ${differing.join(', ')}.${given}`;
  return `All ${cases} checks agree with the CPU, within ${worst.toExponential(1)} of the largest number.${given}`;
}
