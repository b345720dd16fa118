/** Merged GGUF files, read by gguf-py: the same metadata, and tensors that stand for the same numbers as for Graft's own reader. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportCommand } from '../../src/cli/export.ts';
import { file } from '../../src/cli/files.ts';
import { createOutput } from '../../src/cli/output.ts';
import { GGUF_TYPES } from '../../src/export/gguf/types.ts';
import { toFloat32 } from '../../src/weights/dtypes.ts';
import { readGgufHeader } from '../../src/weights/gguf/header.ts';
import { peftFile } from '../engine/reference-file.ts';
import { SPRIG } from '../engine/sprig.ts';

const python = process.env['GRAFT_PYTHON'];
if (!python)
  console.warn('SKIPPED: the tests against gguf-py need GRAFT_PYTHON; node scripts/python.mjs prints one.');

interface Read {
  readonly entries: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, { type: string; shape: number[]; sum: number; squares: number }>>;
}

describe.skipIf(!python)('gguf-py', () => {
  test('reads every type as Graft does', async () => {
    const out = mkdtempSync(join(tmpdir(), 'graft-gguf-merged-'));
    const paths = GGUF_TYPES.map((type) => join(out, type, `adapter-${type}.gguf`));
    for (const type of GGUF_TYPES)
      await exportCommand(
        [
          ...['--model', SPRIG, '--adapter', peftFile('adapter'), '--format', 'gguf-merged'],
          ...['--type', type, '--out', join(out, type)],
        ],
        createOutput(),
      );
    const { status, stdout, stderr } = spawnSync(python!, [join(import.meta.dirname, 'gguf_read.py')], {
      input: JSON.stringify(paths),
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    expect(status, stderr).toBe(0);
    const read = JSON.parse(stdout) as Record<string, Read>;
    for (const path of paths) {
      const { source, metadata, tensors } = await readGgufHeader(file(path));
      const theirs = read[path];
      expect(Object.keys(theirs.entries)).toEqual([...metadata.entries.keys()]);
      for (const [key, value] of metadata.entries) expect(theirs.entries[key], key).toEqual(value);
      expect(Object.keys(theirs.tensors).sort()).toEqual(tensors.map(({ name }) => name).sort());
      for (const { name, type, shape, start, byteLength } of tensors) {
        const values = toFloat32(await source.read(start, start + byteLength), type);
        const other = theirs.tensors[name];
        expect([other.type, other.shape], name).toEqual([type, shape]);
        const squares = values.reduce((sum, value) => sum + value * value, 0);
        expect(Math.abs(other.squares - squares) / squares, `${path} ${name}`).toBeLessThan(1e-9);
        const sum = values.reduce((total, value) => total + value, 0);
        expect(Math.abs(other.sum - sum), `${path} ${name}`).toBeLessThan(
          1e-6 * Math.sqrt(squares * values.length),
        );
      }
    }
    rmSync(out, { recursive: true, force: true });
  });
});
