/** Calls `graft mix` on the adapters of tests/reference/mix as PEFT's add_weighted_adapter would be called. */
import { mixCommand } from '../src/cli/mix.ts';
import { referencePath } from './engine/reference-file.ts';

/** The arguments of PEFT's add_weighted_adapter. */
export interface PeftMix {
  readonly adapters: readonly string[];
  readonly weights: readonly number[];
  readonly combination_type: string;
  readonly svd_rank?: number;
  readonly density?: number;
  readonly majority_sign_method?: string;
}

export const mixPath = (...parts: string[]): string => referencePath('mix', ...parts);

/** What the command printed. */
export interface Said {
  readonly lines: readonly string[];
  readonly result: string;
}

export async function mix(...args: readonly string[]): Promise<Said> {
  const lines: string[] = [];
  let result = '';
  await mixCommand(['--model', mixPath(), ...args], {
    line: (text) => void lines.push(text),
    result: (text) => void (result += text),
    progress: () => undefined,
    clear: () => undefined,
  });
  return { lines, result };
}

/** The flags of the same mixture. */
export function flagsOf(asked: PeftMix, out: string): string[] {
  return [
    '--adapter',
    ...asked.adapters.map((name) => mixPath(name)),
    `--weights=${asked.weights.join()}`,
    `--method=${asked.combination_type.replaceAll('_', '-')}`,
    ...(asked.svd_rank === undefined ? [] : [`--rank=${asked.svd_rank}`]),
    ...(asked.density === undefined ? [] : [`--density=${asked.density}`]),
    ...(asked.majority_sign_method === undefined ? [] : [`--majority-sign=${asked.majority_sign_method}`]),
    `--out=${out}`,
  ];
}
