/** The common part of kinds of modules next to an adapter: no run has such a kind alone, so it has neither settings nor a configuration. */
import type { AdapterKind } from './kind.ts';

function never(): never {
  throw new Error('No run has this kind');
}

export const companion = {
  config: never,
  settings: () => ({}),
  facts: () => [],
  check: () => undefined,
  module: never,
  initial: () => [],
  isPeft: () => false,
  readPeft: never,
  writePeft: never,
} satisfies Partial<AdapterKind>;
