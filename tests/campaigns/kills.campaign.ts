/** Kills `graft train` at random instants, also during its writes, and resumes until it is done: the result is the same. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/random.ts';
import { campaign, type Row } from './campaign.ts';
import { difference, isMixed, isSaved, makeWorld, runOf } from './command.ts';

const KILLS = 120;
/** After this many kills a run may end, so that some are compared. */
const KILLS_OF_A_RUN = 6;
const RUN = runOf(24, 2);

await campaign('kills headless', async ({ seed, share }) => {
  const { at, graft } = makeWorld();
  const generator = new Random(seed);
  const random = (): number => generator.float();
  const begun = performance.now();
  const first = await graft([...RUN, '--out', at('whole')]);
  if (first.code !== 0) throw new Error(first.err);
  const duration = performance.now() - begun;

  const wanted = Math.ceil(KILLS * share);
  const counts = { random: 0, writing: 0, failed: 0, resumed: 0, runs: 0, different: 0 };
  while (counts.random + counts.writing < wanted) {
    const out = at(`run-${counts.runs++}`);
    for (let kills = 0, done = false; !done;) {
      const isLast = kills === KILLS_OF_A_RUN || counts.random + counts.writing >= wanted;
      const isWriting = random() < 0.5;
      const delay = isWriting ? random() * 20 : random() * duration * 1.1;
      const resume = isSaved(out) ? ['--resume', out] : [];
      if (resume.length > 0) counts.resumed++;
      const started = performance.now();
      const timer: { running?: NodeJS.Timeout } = {};
      /** When the writing of a state began: the kill then comes a moment later. */
      let writing: number | undefined;
      const ended = await graft([...RUN, '--out', out, ...resume], (_, kill) => {
        if (isLast) return;
        timer.running ??= setInterval(() => {
          const now = performance.now();
          if (existsSync(join(out, 'state.part'))) writing ??= now + random() * 100;
          if (isWriting ? writing !== undefined && now - writing > delay : now - started > delay)
            kill('SIGKILL');
        }, 1);
      });
      clearInterval(timer.running);
      if (ended.signal === 'SIGKILL') {
        kills++;
        counts[isWriting ? 'writing' : 'random']++;
        // It was killed in the moment after its end: the result is whole, and nothing is left to go on with.
        done = !isSaved(out) && difference(out, at('whole')) === undefined;
        if (done || !isMixed(out, at('whole'))) continue;
      } else if (ended.code === 0 && difference(out, at('whole')) === undefined) {
        done = true;
        continue;
      }
      counts.failed++;
      console.error(
        `Run ${counts.runs}: ${ended.signal ?? ended.code}, ${difference(out, at('whole'))}\n${ended.err}`,
      );
      done = true;
    }
    if (counts.failed === 0) rmSync(out, { recursive: true });
    console.log(`${counts.random + counts.writing} kills, ${counts.runs} runs, ${counts.failed} failed`);
  }
  const note = `${counts.runs} runs to the end, resumed ${counts.resumed} times; curve and adapter are the bytes of a run in one piece`;
  const rows: Row[] = [
    { what: 'SIGKILL at a random instant', tried: counts.random, failed: counts.failed, note },
    { what: 'SIGKILL while a state is written', tried: counts.writing, failed: counts.failed },
  ];
  return rows;
});
