/** SmolLM2-135M-Instruct, a real model, which a script of ../shared brings (94 MB) into .cache. */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { describe, test } from 'vitest';
import { describeShared, hasShared, sharedPath } from './shared.ts';

const NAME = 'SmolLM2-135M-Instruct';
const FOLDER = resolve(import.meta.dirname, '..', '.cache', 'models', NAME);

/** The model folder: a GGUF file, and config.json and tokenizer files beside it. */
export const SMOLLM2 = FOLDER;
export const SMOLLM2_GGUF = join(FOLDER, `${NAME}.Q4_1.gguf`);

/** Downloads the model, unless it is there. @returns why it is unavailable, or undefined */
function fetchModel(): string | undefined {
  const script = sharedPath('models', NAME, 'fetch');
  const { status, stderr } = spawnSync('bash', [script, FOLDER], { encoding: 'utf8', timeout: 300_000 });
  return status === 0 ? undefined : stderr.trim().split('\n').at(-1) || `fetch ended with ${status}`;
}

/** `describeShared`, skipped with a warning if the model cannot be brought. */
export function describeSmolLM2(name: string, body: () => void): void {
  const missing = hasShared ? fetchModel() : undefined;
  if (missing === undefined) {
    describeShared(name, body);
    return;
  }
  console.warn(`SKIPPED: "${name}" needs ${NAME}: ${missing}.`);
  describe.skip(name, () => test('runs the real model', () => undefined));
}
