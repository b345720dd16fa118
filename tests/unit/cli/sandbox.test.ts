/** The thread of the sandbox in Node: code that takes too long is ended even within a built-in function, and gives no score. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startSandbox } from '../../../src/cli/sandbox.ts';
import { openRewards } from '../../../src/scorers/rewards/reward.ts';
import { MAX_SECONDS, Sandbox, SandboxError, SandboxStopped } from '../../../src/scorers/sandbox/sandbox.ts';
import { attempt } from '../scorers/attempt.ts';

/** One call of a built-in function that takes days. */
const ENDLESS = '"a".repeat(1.5e7).indexOf("a".repeat(7e6) + "b")';

/** The clock of the limit is stopped, so that the load of the machine has no effect. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
/** Lets it run out for the question that is asked just now. */
async function runOut(): Promise<void> {
  await vi.waitUntil(() => vi.getTimerCount() === 1, { timeout: 60_000 });
  vi.advanceTimersByTime(MAX_SECONDS * 1000);
}

const opened: Sandbox[] = [];
afterEach(() => {
  vi.useRealTimers();
  opened.splice(0).forEach((sandbox) => sandbox.close());
});
function open(...settings: ConstructorParameters<typeof Sandbox>): Sandbox {
  const sandbox = new Sandbox(...settings);
  opened.push(sandbox);
  return sandbox;
}

test('it answers as the interpreter does without a thread', async () => {
  const inThread = open(startSandbox);
  const here = open();
  for (const code of [
    'completion.length',
    'export default ({ completion }) => completion === "a\\ud800é"',
    'missing',
    '(() => { for (;;); })()',
    '/(a+)+$/.test("a".repeat(60) + "b")',
    '1 +',
  ]) {
    const told = async (sandbox: Sandbox): Promise<unknown> => {
      try {
        return await (await sandbox.read(code, ['completion'])).run({ completion: 'a\ud800é' });
      } catch (error) {
        expect(error).toBeInstanceOf(SandboxError);
        expect(error).not.toBeInstanceOf(SandboxStopped);
        return (error as Error).message;
      }
    };
    expect(await told(inThread), code).toEqual(await told(here));
  }
});

test('its thread is ended if a built-in function does not end, and the next question gets another', async () => {
  let threads = 0;
  const sandbox = open((...hearers) => {
    threads++;
    return startSandbox(...hearers);
  });
  const program = await sandbox.read(`completion === "bad" ? ${ENDLESS} : completion.length`, ['completion']);
  expect(await program.run({ completion: 'good' })).toBe(4);
  // Asked at once, and answered one after the other.
  const both = Promise.allSettled(['bad', 'after'].map((completion) => program.run({ completion })));
  await runOut();
  const [bad, after] = await both;
  expect(bad).toMatchObject({ reason: expect.any(SandboxStopped) as unknown });
  expect(after).toMatchObject({ value: 5 });
  expect(threads).toBe(2);
});

test('a thread that does not start, or breaks, gives no score either', async () => {
  const offline = open(() => Promise.reject(new Error('not reached')));
  await expect(offline.read('1', [])).rejects.toThrow('its sandbox broke (not reached)');
  const breaking = open(async (_hear, fail) => ({ ask: () => fail(new Error('out of room')), end() {} }));
  await expect(breaking.read('1', [])).rejects.toBeInstanceOf(SandboxStopped);
});

test('a run gets an error that names the reward and the text; where rewards are tried, it is shown', async () => {
  const spec = { name: 'javascript', code: `completion === "bad" ? ${ENDLESS} : 1` };
  const run = await openRewards([spec], { startSandbox });
  await run.score([attempt('good')]);
  const scoring = expect(run.score([attempt('bad')])).rejects.toMatchObject({
    code: 'reward-stopped',
    what: 'The reward javascript gave no score for “bad”: it does not end within 5 seconds.',
  });
  await runOut();
  await scoring;
  run.close();
  const tried = await openRewards([spec], { startSandbox, stops: false });
  const trying = tried.score([attempt('bad'), attempt('good')]);
  await runOut();
  const scored = await trying;
  expect(scored.map(({ total, problems }) => [total, problems?.[0]])).toEqual([
    [0, 'it does not end within 5 seconds'],
    [1, undefined],
  ]);
  tried.close();
});
