/** `graft plan`, which needs no weights and no GPU. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DEVICE, graft, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();

describe('graft plan', () => {
  const CONFIG = fileURLToPath(new URL('../fixtures/configs/SmolLM2-135M.json', import.meta.url));
  const plan = (...args: string[]): string[] => [
    'plan',
    '--model',
    at('config-only'),
    '--rank',
    '16',
    '--batch',
    '1',
    '--max-length',
    '512',
    '--device',
    'typical',
    ...args,
  ];

  test('needs only config.json, and says what to change if a run does not fit', async () => {
    mkdirSync(at('config-only'));
    writeFileSync(at('config-only', 'config.json'), readFileSync(CONFIG));
    const fits = await graft(plan('--checkpointing', '--targets', 'all-linear', '--json', '-'));
    expect({ code: fits.code, err: fits.err }).toEqual({ code: 0, err: '' });
    const { training, generation, problems, advice } = JSON.parse(fits.out) as Record<string, unknown>;
    expect(training).toMatchObject({ parts: { base: 269_100_416, adapter: 19_537_920 } });
    expect(generation).toMatchObject({ context: 4096, cache: 94_371_840 });
    expect({ problems, advice }).toEqual({ problems: [], advice: [] });

    const tight = await graftHere(plan('--memory', '500', '--json', at('plan.json')));
    expect(tight.code).toBe(3);
    // In the unit of the question, with the flag to add.
    expect(tight.out).toMatch(/Too large: the run takes \d{3} MiB, and the GPU has 500 MiB\./);
    expect(tight.out).toMatch(
      /Would fit: Turn activation checkpointing on\. \d{3} MiB at the peak with --checkpointing\./,
    );
    const inGb = await graftHere(plan('--memory', '0.5GB', '--batch', '8'));
    expect(inGb.out).toMatch(
      /: Use a batch size of \d and gradient accumulation over \d batches\. [\d.]+ GB at the peak with --batch/,
    );
    expect(inGb.out).not.toMatch(/(Would fit|Takes less|Too large).*MB/);
    expect(tight.out).toMatch(/\nDoes not fit: \d{3} MiB at the peak, and the GPU has 500 MiB\.\n$/);
    expect(JSON.parse(readFileSync(at('plan.json'), 'utf8'))).toMatchObject({
      fits: false,
      settings: { precision: 'f16', checkpointing: false },
      problems: [{ limit: 'memory' }],
      advice: expect.arrayContaining([
        expect.objectContaining({ change: 'checkpointing', flags: ['--checkpointing'] }),
      ]),
    });

    const roomy = await graftHere(plan('--memory', '2GB'));
    expect(roomy.code).toBe(0);
    expect(roomy.out).toMatch(
      /\nFits: 0\.\d{1,3} GB at the peak, and the GPU has 2 GB\.\n$|\nFits: 1\.\d+ GB at the peak, and the GPU has 2 GB\.\n$/,
    );

    const long = await graftHere(plan('--max-length', '9000'));
    expect({ code: long.code, out: long.out }).toEqual({ code: 2, out: '' });
    expect(long.err).toContain('made for at most 8192');
  });

  test('says how many rows it plans, and knows --length by its other name', async () => {
    const usual = ['plan', '--model', at('config-only'), '--device', 'typical'];
    const asked = await graftHere([...usual, '--length', '256']);
    // As many rows as a run of this model takes by default.
    const told = await graftHere([...usual, '--max-length', '256', '--batch', '4']);
    expect(asked.out).toBe(told.out);
    expect(asked.out).toMatch(/for training, at its peak: 4 rows of 256 tokens at once/);
  });

  test('plans a run of full rows like train', async () => {
    const ids = Array.from({ length: 64 }, (_, at) => at + 1);
    const row = JSON.stringify({ ids, labels: ids });
    writeFileSync(at('full.jsonl'), `${row}\n`.repeat(8));
    const run = ['--model', SPRIG, '--max-length', '64', '--batch', '8', ...DEVICE];
    const told = await graftHere(['plan', ...run]);
    const trained = await graftHere([
      'train',
      ...run,
      ...['--data', at('full.jsonl'), '--steps', '1', '--out', at('full')],
    ]);
    const [, peak] = /([\d.]+ MB) {2}for training/.exec(told.out) ?? [];
    expect(trained.err).toContain(`(${peak} of memory at its peak)`);
  });
});
