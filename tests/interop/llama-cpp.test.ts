/**
 * Graft's files for llama.cpp, read by llama.cpp itself: its probabilities after each token are those of PEFT with the same adapter. Needs
 * GRAFT_LLAMA_CPP, the folder of node-llama-cpp after `npm install node-llama-cpp`, which brings llama.cpp for Linux, Macs and Windows.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { exportCommand } from '../../src/cli/export.ts';
import { folder } from '../../src/cli/files.ts';
import { createOutput } from '../../src/cli/output.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { readReference } from '../engine/reference-file.ts';
import { sharedPath, testShared } from '../shared.ts';

const library = process.env['GRAFT_LLAMA_CPP'];
if (!library)
  console.warn(
    'SKIPPED: the test against llama.cpp itself needs GRAFT_LLAMA_CPP, a folder of node-llama-cpp.',
  );

/** Keys and values of llama.cpp are f16. */
const CLOSE = 0.01;

/**
 * Bounds of merged files. For q8_0 weights llama.cpp rounds activations to 8 bits as well: at one of the 24 places it is 0.060 from PEFT, and Graft, which
 * computes with the same file in f32, at most 0.021.
 */
const MERGED = [
  ['f16', 0.02],
  ['q8_0', 0.08],
] as const;

type Next = readonly (readonly (readonly [token: number, probability: number])[])[];

testShared(
  'llama.cpp gives the probabilities of PEFT with an adapter that Graft exported',
  async () => {
    const adapter = sharedPath('reference', 'stories260K', 'lora', 'adapter');
    const out = mkdtempSync(join(tmpdir(), 'graft-llama-cpp-'));
    await exportCommand(
      [
        ...['--model', sharedPath('models', 'stories260K'), '--adapter', adapter],
        ...['--format', 'gguf', '--out', join(out, 'gguf')],
      ],
      createOutput(),
    );
    const reference = await readReference(['reference', 'stories260K', 'lora', 'logits.safetensors']);
    const ids = [...reference.integers.get('ids')!.values].slice(0, 24);
    const logits = reference.floats.get('logits')!;
    const asked = spawnSync(
      process.execPath,
      [
        join(import.meta.dirname, 'llama-cpp.ask.mjs'),
        join(library!, 'dist', 'index.js'),
        sharedPath('reference', 'gguf', 'stories260K.F32.gguf'),
        join(out, 'gguf', 'adapter.gguf'),
        JSON.stringify(ids),
      ],
      { encoding: 'utf8' },
    );
    expect(asked.status, asked.stderr).toBe(0);
    const { alone, adapted } = JSON.parse(asked.stdout) as { alone: Next; adapted: Next };
    let moved = 0;
    adapted.forEach((row, t) => {
      const wanted = softmax(logits.subarray(t * VOCABULARY, (t + 1) * VOCABULARY));
      const [[token, probability]] = row;
      expect(Math.abs(probability - wanted[token]), `position ${t}`).toBeLessThan(CLOSE);
      expect(probability).toBeGreaterThan(Math.max(...wanted) - CLOSE);
      moved = Math.max(moved, Math.abs(new Map(alone[t]).get(token)! - probability));
    });
    // The adapter matters: without it, llama.cpp's predictions differ.
    expect(moved).toBeGreaterThan(10 * CLOSE);
    rmSync(out, { recursive: true, force: true });
  },
  { skip: library === undefined },
);

testShared(
  'llama.cpp gives the probabilities of PEFT with a merged file, and its tokens',
  async () => {
    const model = sharedPath('models', 'stories260K');
    const adapter = sharedPath('reference', 'stories260K', 'lora', 'adapter');
    const out = mkdtempSync(join(tmpdir(), 'graft-llama-cpp-'));
    const reference = await readReference(['reference', 'stories260K', 'lora', 'logits.safetensors']);
    const ids = [...reference.integers.get('ids')!.values].slice(0, 24);
    const logits = reference.floats.get('logits')!;
    const texts = ['Once upon a time', 'a  b\nLily said: é 12'];
    const tokenizer = await loadTokenizer(folder(model));
    for (const [type, bound] of MERGED) {
      await exportCommand(
        [
          ...['--model', model, '--adapter', adapter, '--format', 'gguf-merged', '--type', type],
          ...['--out', join(out, type)],
        ],
        createOutput(),
      );
      const asked = spawnSync(
        process.execPath,
        [
          join(import.meta.dirname, 'llama-cpp.ask.mjs'),
          join(library!, 'dist', 'index.js'),
          join(out, type, `adapter-${type}.gguf`),
          '',
          JSON.stringify(ids),
          JSON.stringify(texts),
        ],
        { encoding: 'utf8' },
      );
      expect(asked.status, asked.stderr).toBe(0);
      const { alone, tokens } = JSON.parse(asked.stdout) as { alone: Next; tokens: number[][] };
      alone.forEach((row, t) => {
        const wanted = softmax(logits.subarray(t * VOCABULARY, (t + 1) * VOCABULARY));
        for (const [token, probability] of row)
          expect(Math.abs(probability - wanted[token]), `${type}, position ${t}`).toBeLessThan(bound);
      });
      expect(tokens).toEqual(texts.map((text) => tokenizer.encode(text)));
    }
    rmSync(out, { recursive: true, force: true });
  },
  { skip: library === undefined },
);

const VOCABULARY = 512;

function softmax(logits: Float32Array): number[] {
  const most = Math.max(...logits);
  const raised = Array.from(logits, (value) => Math.exp(value - most));
  const sum = raised.reduce((total, value) => total + value, 0);
  return raised.map((value) => value / sum);
}
