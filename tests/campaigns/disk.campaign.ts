/**
 * Lets each disk operation of a short run fail in turn, then the disk stay full from each on, then the process die there. The run is then resumed by
 * the command that the error names.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Ended } from '../engine/graft-command.ts';
import { campaign, type Row } from './campaign.ts';
import { difference, isMixed, isSaved, makeWorld, runOf } from './command.ts';

/** Two states before the end, so that the second replaces the first. */
const RUN = runOf(6, 2);
const FAULTS = { NODE_OPTIONS: `--import ${pathToFileURL('tests/disk-faults.mjs').href}` };
const MODES = {
  fail: 'The disk refuses one operation',
  full: 'The disk is full from an operation on',
  kill: 'SIGKILL at an operation, writes half done',
} as const;
type Mode = keyof typeof MODES;

await campaign('full disk at every write', async ({ share }) => {
  const { at, graft } = makeWorld();
  const log = at('log');
  const env = (out: string, fault: string): Record<string, string> => ({
    ...FAULTS,
    GRAFT_DISK_UNDER: out,
    GRAFT_DISK_LOG: log,
    GRAFT_DISK_FAULT: fault,
  });
  const first = await graft([...RUN, '--out', at('whole')], undefined, env(at('whole'), 'log'));
  if (first.code !== 0) throw new Error(first.err);
  const operations = readFileSync(log, 'utf8').trimEnd().split('\n');
  /** From here on, there are steps to lose. */
  const trains = operations.indexOf('open metrics.jsonl') + 1;

  /** The fault in how a run ended and was resumed; undefined if there is none. */
  async function fault(
    mode: Mode,
    n: number,
  ): Promise<{ wrong?: string; how: 'whole' | 'resumed' | 'again' }> {
    const out = at(`${mode}-${n}`);
    const ended = await graft([...RUN, '--out', out], undefined, env(out, `${mode}:${n}`));
    if (ended.code === 0) return { wrong: difference(out, at('whole')), how: 'whole' };
    if (existsSync(out) && isMixed(out, at('whole')) && mode === 'kill')
      return { wrong: 'mixed', how: 'whole' };
    // It was killed while it cleaned up after a complete result.
    if (mode === 'kill' && existsSync(out) && !isSaved(out) && difference(out, at('whole')) === undefined)
      return { how: 'whole' };
    if (mode !== 'kill' && (/^ {4}at /m.test(ended.err) || !/^graft: /m.test(ended.err)))
      return { wrong: `no clear error: ${ended.err}`, how: 'again' };
    const [, words] = /To continue[^:]*: node \S*graft\.mjs (train .*)$/m.exec(ended.err) ?? [];
    const resume = words?.split(' ') ?? [...RUN, '--out', out, ...(isSaved(out) ? ['--resume', out] : [])];
    if (mode !== 'kill' && words === undefined && n > trains)
      return { wrong: `nothing saved: ${ended.err}`, how: 'again' };
    const again: Ended = await graft(resume);
    const wrong = again.code === 0 ? difference(out, at('whole')) : again.err;
    rmSync(out, { recursive: true, force: true });
    return { wrong, how: resume.includes('--resume') ? 'resumed' : 'again' };
  }

  const rows: Row[] = [];
  for (const mode of Object.keys(MODES) as Mode[]) {
    const counts = { tried: 0, failed: 0, whole: 0, resumed: 0, again: 0 };
    for (let n = 1; n <= operations.length; n += Math.round(1 / share)) {
      const { wrong, how } = await fault(mode, n);
      counts.tried++;
      counts[how]++;
      if (wrong === undefined) continue;
      counts.failed++;
      console.error(`${mode} at ${n} (${operations[n - 1]}): ${wrong}`);
    }
    console.log(`${mode}: ${JSON.stringify(counts)}`);
    rows.push({
      what: MODES[mode],
      tried: counts.tried,
      failed: counts.failed,
      note: `${counts.resumed} went on from a saved state, ${counts.again} began again with nothing to lose, ${counts.whole} ended well`,
    });
  }
  return rows;
});
