import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { copyCompanions } from '../../../src/cli/model-folder.ts';
import { COMPANIONS } from '../../../src/weights/companions.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';

it('a written model has all other files that Graft reads with the weights', async () => {
  const out = mkdtempSync(join(tmpdir(), 'graft-model-'));
  try {
    const files = Object.fromEntries(COMPANIONS.map((name) => [name, JSON.stringify({ name })]));
    await copyCompanions(memoryFiles({ ...files, 'model.safetensors': '', 'other.txt': '' }), out);
    expect(readdirSync(out).sort()).toEqual([...COMPANIONS].sort());
    for (const name of COMPANIONS)
      expect(JSON.parse(readFileSync(join(out, name), 'utf8'))).toEqual({ name });
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});
