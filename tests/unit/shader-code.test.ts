import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseShader, shaderCode } from '../../src/engine/webgpu/shader.ts';

const ROOT = join(import.meta.dirname, '../..');

test('the constants of a variant are numbers in its source, and others keep their default', () => {
  const shader = parseShader(
    'some',
    [
      'override THREADS: u32 = 64;',
      'override ADDS: bool = true;',
      'override SCALE: f32 = 1;',
      'override HALF: u32 = THREADS / 2;',
    ].join('\n'),
  );
  expect(shaderCode(shader, { Elem: 'f16' }, { THREADS: 128, ADDS: 0, SCALE: 0.1 }, true)).toBe(
    [
      'enable f16;',
      'enable subgroups;',
      'alias Elem = f16;',
      'const THREADS: u32 = 128;',
      'const ADDS: bool = false;',
      'const SCALE: f32 = 0.1;',
      'const HALF: u32 = THREADS / 2;',
    ].join('\n'),
  );
  expect(shaderCode(shader, {}, {}, false)).toContain('const ADDS: bool = true;');
});

test('a constant that a shader lacks is a defect', () => {
  expect(() => shaderCode(parseShader('some', ''), {}, { THREADS: 1 }, false)).toThrow(
    'some.wgsl has no constant named THREADS',
  );
});

const files = ['shaders', 'src'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.wgsl'))
    .map((name) => join(folder, name)),
);

test.each(files)('no override is left in %s', (file) => {
  const source = readFileSync(join(ROOT, file), 'utf8');
  const code = shaderCode(parseShader(file, source), {}, {}, false).replace(/\/\/.*$/gm, '');
  expect(code).not.toMatch(/\boverride\b/);
});
