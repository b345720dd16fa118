/** Saved states on disk: flushed before they count, checked before they are used, and the previous one kept. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimFiles, ownFiles } from '../../../src/cli/own-files.ts';
import { checkFree, discard, runWrites } from '../../../src/cli/run-folder.ts';
import { findSaved, forgetSaved, openSaved, saveRun } from '../../../src/cli/saved-run.ts';
import type { SavedState } from '../../../src/train/state-files.ts';
import { graftError } from '../expect-graft-error.ts';

let root: string;
const at = (...parts: string[]): string => join(root, ...parts);
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'graft-saved-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const arrays = (value: number): Map<string, Float32Array<ArrayBuffer>> =>
  new Map([['layer', Float32Array.of(value, 1, 2)]]);

function stateOf(step: number): SavedState {
  return {
    fingerprint: 'abc',
    begun: '2026-11-26T10:39:26',
    state: {
      counters: { step, steps: 40, seed: 5, evaluationsSinceBest: 0 },
      values: arrays(step),
      optimiser: new Map([
        ['first', arrays(step + 0.5)],
        ['second', arrays(step + 0.25)],
      ]),
    },
  };
}
const linesOf = (step: number): string[] =>
  Array.from({ length: step }, (_, i) => JSON.stringify({ step: i + 1, loss: 3 - i / 10, seconds: 1 }));
const save = (step: number): Promise<string> => saveRun(root, stateOf(step), linesOf(step));

describe('a saved run', () => {
  it('gives back its state and the lines of its log, by its own folder and by the parent', async () => {
    const path = await save(4);
    for (const place of [root, path]) {
      const { saved, metrics } = await openSaved(place);
      expect(saved.state.counters.step).toBe(4);
      expect(saved.state.values).toEqual(arrays(4));
      expect(metrics).toEqual(linesOf(4));
    }
    await forgetSaved(root);
    expect(readdirSync(root)).toEqual([]);
    await graftError(() => openSaved(root), 'state-missing');
  });

  it('can be checked by hand', async () => {
    const path = await save(4);
    const { status, stdout } = spawnSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: path, encoding: 'utf8' });
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'state.json: OK\nstate.safetensors: OK\nmetrics.jsonl: OK\n',
    });
  });

  it('is refused by name if any bit is flipped or any file cut short, and the one before it is named', async () => {
    await save(4);
    await save(8);
    cpSync(at('state'), at('whole'), { recursive: true });
    for (const name of readdirSync(at('whole'))) {
      const bytes = readFileSync(at('whole', name));
      const changes = [0, Math.floor(bytes.length / 2), bytes.length - 1].flatMap((place) => {
        const flipped = Buffer.from(bytes);
        flipped[place] ^= 1 << (place % 8);
        return [flipped, bytes.subarray(0, place)];
      });
      for (const changed of changes) {
        writeFileSync(at('state', name), changed);
        const error = await graftError(() => openSaved(root), 'state-damaged');
        expect(error.what).toContain(at('state'));
        if (name !== 'SHA256SUMS')
          expect(error.what).toContain(`${at('state', name)} does not have the checksum`);
        expect(error.remedy).toBe(
          `The state before it, after step 4, is complete: continue from it with --resume ${at('state.old')}.`,
        );
      }
      rmSync(at('state', name));
      if (name !== 'SHA256SUMS')
        expect((await graftError(() => openSaved(root), 'state-damaged')).what).toContain(
          `${name} is missing`,
        );
      writeFileSync(at('state', name), bytes);
    }
    expect((await findSaved(root))?.saved.state.counters.step).toBe(8);
    writeFileSync(at('state', 'state.json'), '');
    expect((await findSaved(root))?.saved.state.counters.step).toBe(4);
    rmSync(at('state.old'), { recursive: true });
    const { remedy } = await graftError(() => openSaved(root), 'state-damaged');
    expect(remedy).toBe('No earlier state is left: start the run again.');
  });

  it('has no checksums in an earlier version; if truncated, the error does not advise a new download', async () => {
    await save(4);
    rmSync(at('state', 'SHA256SUMS'));
    rmSync(at('state', 'metrics.jsonl'));
    expect((await openSaved(root)).metrics).toBeUndefined();
    const bytes = readFileSync(at('state', 'state.safetensors'));
    writeFileSync(at('state', 'state.safetensors'), bytes.subarray(0, bytes.length - 8));
    const error = await graftError(() => openSaved(root), 'state-format');
    expect(error.what).toMatch(/^The saved state in .* is damaged/);
    expect(error.message).not.toMatch(/fetch/);
    expect(error.remedy).toMatch(/^No earlier state is left/);
  });

  it('is on the disk before its name stands for it', () => {
    // In a separate process, whose disk operations are logged.
    const program = `
      import { saveRun } from ${JSON.stringify(pathToFileURL('src/cli/saved-run.ts').href)};
      const arrays = new Map([['layer', Float32Array.of(1)]]);
      const counters = { step: 1, steps: 2, seed: 1, evaluationsSinceBest: 0 };
      const state = { counters, values: arrays, optimiser: new Map([['first', arrays]]) };
      for (let i = 0; i < 2; i++) await saveRun(${JSON.stringify(root)}, { state, fingerprint: '' }, []);`;
    execFileSync(
      process.execPath,
      [
        '--import',
        pathToFileURL('tests/disk-faults.mjs').href,
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        program,
      ],
      { env: { ...process.env, GRAFT_DISK_UNDER: root, GRAFT_DISK_LOG: `${root}.log` } },
    );
    const log = readFileSync(`${root}.log`, 'utf8').trimEnd().split('\n');
    rmSync(`${root}.log`);
    const renames = log.flatMap((line, i) => (line.startsWith('rename ') ? [i] : []));
    expect(renames.length).toBeGreaterThanOrEqual(11);
    for (const i of renames) {
      const name = log[i].slice('rename '.length);
      if (name === 'state.old') continue;
      const folder = name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '.';
      // The bytes before, and the name after.
      if (name !== 'state') expect(log[i - 1]).toBe(`sync ${name}.part`);
      else
        expect(log.slice(0, i).findLast((line) => line.startsWith('sync-folder'))).toBe(
          'sync-folder state.part',
        );
      expect(log[i + 1]).toBe(`sync-folder ${folder}`);
    }
  });
});

describe('the output folder of a run', () => {
  const ADAPTER = runWrites('lora');
  const asked = { overwrite: false, writes: ADAPTER };
  const over = { overwrite: true, writes: ADAPTER };
  const write = (...names: string[]): void => {
    for (const name of names) writeFileSync(at(name), 'mine');
  };
  /** As a command of Graft leaves them. */
  const leave = async (...names: string[]): Promise<void> => {
    await claimFiles(root, names, { overwrite: false });
    write(...names);
  };

  it('is free when it is new, empty, or holds the log of a run of its own that saved nothing', async () => {
    await checkFree(at('new'), asked);
    await checkFree(root, asked);
    await leave('metrics.jsonl');
    write('notes.txt');
    await checkFree(root, asked);
    await discard(root, asked);
    expect(readdirSync(root).sort()).toEqual(['graft-files.json', 'notes.txt']);
  });

  it('is only replaced by the run that it holds, or on request', async () => {
    await save(4);
    const { what, remedy } = await graftError(() => checkFree(root, asked), 'folder-used');
    expect(what).toBe(`${root} holds a run that was interrupted after step 4 of 40.`);
    expect(remedy).toContain(`--resume ${root}`);
    // The log of the run; an earlier version listed nothing.
    write('metrics.jsonl');
    await checkFree(root, { ...asked, resumed: await openSaved(root) });
    await checkFree(root, over);
    // A later state of the same run that was saved elsewhere, and one of another run.
    const elsewhere = mkdtempSync(`${root}-`);
    await saveRun(elsewhere, stateOf(9), []);
    await checkFree(root, { ...asked, resumed: await openSaved(elsewhere) });
    await saveRun(elsewhere, { ...stateOf(9), fingerprint: 'other' }, []);
    const other = await openSaved(elsewhere);
    await graftError(() => checkFree(root, { ...asked, resumed: other }), 'folder-used');
    rmSync(elsewhere, { recursive: true });
  });

  it('is replaced on request if it has a result of its own, with the evaluation of it', async () => {
    await leave(...ADAPTER, 'tokenizer.json', 'report.json', 'predictions.jsonl');
    write('mine.txt', 'vocab.json');
    await save(4);
    const error = await graftError(() => checkFree(root, asked), 'folder-used');
    expect(error.remedy).toContain('--overwrite');
    await forgetSaved(root);
    expect((await graftError(() => checkFree(root, asked), 'folder-used')).what).toContain('vocab.json');
    rmSync(at('vocab.json'));
    expect((await graftError(() => checkFree(root, asked), 'folder-used')).what).toContain(
      'a finished result',
    );
    write('vocab.json');
    await checkFree(root, over);
    await discard(root, over);
    expect(readdirSync(root).sort()).toEqual(['graft-files.json', 'mine.txt', 'vocab.json']);
  });

  it('loses nothing of others, whatever lies next to it', async () => {
    const others = [
      'config.json',
      'metrics.jsonl',
      'predictions.jsonl',
      'report.json',
      'tokenizer.json',
      'vocab.json',
    ];
    write(...others);
    await graftError(() => checkFree(root, asked), 'folder-used');
    // Only what the command writes itself goes.
    await checkFree(root, over);
    await discard(root, over);
    expect(readdirSync(root).sort()).toEqual(others.filter((name) => name !== 'metrics.jsonl'));

    for (const weights of [
      'model.safetensors',
      'model-00001-of-00002.safetensors',
      'model.safetensors.index.json',
    ]) {
      write(weights);
      await graftError(() => checkFree(root, over), 'folder-used');
      await graftError(() => checkFree(root, { overwrite: false, writes: [weights] }), 'folder-used');
      await checkFree(root, { overwrite: true, writes: [weights] });
      rmSync(at(weights));
    }
  });

  it.each(['state', 'state.old', 'state.part', 'state.old.part'])(
    'is refused with a folder %s of others',
    async (name) => {
      mkdirSync(at(name));
      write(join(name, 'thesis.txt'));
      const error = await graftError(() => checkFree(root, over), 'folder-used');
      expect(error.what).toContain(`${at(name, 'thesis.txt')} is where Graft keeps`);
    },
  );

  it('is refused with a saved state that is damaged, unless it may be discarded', async () => {
    await save(4);
    writeFileSync(at('state', 'state.json'), '{');
    expect((await graftError(() => checkFree(root, asked), 'folder-used')).what).toContain('it is damaged');
    await checkFree(root, over);
    await discard(root, over);
    expect(readdirSync(root)).toEqual([]);
  });

  it('has no file of its own if its list names files of other folders, or is not a list', async () => {
    for (const list of [
      '{"files": ["../mine"]}',
      '{"files": [".."]}',
      '{"files": ["a/b/c"]}',
      '{"files": ["../mine/b"]}',
      '{"files": ["a/.."]}',
      '{"files": ["/a"]}',
      '["mine"]',
      '{',
    ]) {
      writeFileSync(at('graft-files.json'), list);
      expect(ownFiles(root).size).toBe(0);
      await graftError(() => claimFiles(root, ['README.md'], { overwrite: false }), 'folder-used');
    }
    await claimFiles(root, ['README.md'], { overwrite: true });
    expect([...ownFiles(root)].sort()).toEqual(['README.md', 'graft-files.json']);
  });

  it('has files in a folder of its own, but none behind a link', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'graft-elsewhere-'));
    writeFileSync(join(elsewhere, 'mine'), 'mine');
    symlinkSync(elsewhere, at('link'));
    mkdirSync(at('own'));
    write('own/made');
    writeFileSync(at('graft-files.json'), '{"files": ["own/made", "link/mine"]}');
    expect([...ownFiles(root)]).toEqual(['own/made', 'graft-files.json']);
    await discard(root, over);
    expect([existsSync(at('own')), existsSync(join(elsewhere, 'mine'))]).toEqual([false, true]);
    rmSync(elsewhere, { recursive: true });
  });

  it('keeps a file that came after it was claimed', async () => {
    await leave('metrics.jsonl');
    write('README.md');
    const error = await graftError(
      () => claimFiles(root, ['README.md'], { overwrite: false }),
      'folder-used',
    );
    expect(error.what).toBe(`${at('README.md')} is there, and Graft did not write it.`);
  });

  it('is cleaned of what a crash left of writing its files, and of nothing else', async () => {
    await leave('metrics.jsonl');
    write('metrics.jsonl.part', 'thesis.txt.part', 'graft-files.json.part');
    await discard(root, asked, { resumed: true });
    expect(readdirSync(root).sort()).toEqual(['graft-files.json', 'metrics.jsonl', 'thesis.txt.part']);
  });
});
