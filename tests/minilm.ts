/** all-MiniLM-L6-v2, which a script of ../shared fetches once. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sharedPath } from './shared.ts';

export const MINILM = fileURLToPath(new URL('../.cache/all-MiniLM-L6-v2', import.meta.url));

/** @returns why it is not there; undefined if it is */
export function fetchMiniLm(): string | undefined {
  const { status, stderr } = spawnSync(sharedPath('retrieval', 'fetch'), [MINILM], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  return status === 0 ? undefined : `all-MiniLM-L6-v2 could not be fetched: ${stderr.slice(-300)}`;
}
