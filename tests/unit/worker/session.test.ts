/** A model is opened once, however many calls need it meanwhile. */
import { expect, test } from 'vitest';
import type { Device } from '../../../src/engine/device.ts';
import type { Progress } from '../../../src/worker/api.ts';
import type { ModelSource, OpenModel } from '../../../src/worker/models/model.ts';
import { Session } from '../../../src/worker/session.ts';

/** A device, and models on it, that count how often they are opened and freed. */
function world() {
  const opened: string[] = [];
  const freed: string[] = [];
  const waiting: { finish: () => void; fail: (error: Error) => void; told: (p: Progress) => void }[] = [];
  const lost: { failure?: Error } = {};
  const device = { settle: () => Promise.resolve(), close: () => undefined } as unknown as Device;
  Object.defineProperty(device, 'failure', { get: () => lost.failure });
  const session = new Session({
    device: () => Promise.resolve({ device }),
    tune: () => Promise.resolve(),
    model: (_, source, told) =>
      new Promise<OpenModel>((resolve, reject) => {
        opened.push(source.name);
        const model = {
          source,
          fingerprint: source.name,
          content: source.name,
          model: { device, destroy: () => Promise.resolve(void freed.push(source.name)) },
        } as unknown as OpenModel;
        waiting.push({ finish: () => resolve(model), fail: reject, told });
      }),
  });
  /** Completes the waiting opening. */
  const next = async (): Promise<(typeof waiting)[number]> => {
    await expect.poll(() => waiting.length).toBeGreaterThan(0);
    return waiting.shift()!;
  };
  return { session, opened, freed, lost, next };
}
const source = (name: string): ModelSource => ({ name, bundled: false }) as ModelSource;
const ignore = (): void => undefined;

test('a plan that is requested while a model is being opened shares that opening', async () => {
  const { session, opened, next } = world();
  const heard: number[] = [];
  const opening = session.openModel(source('a'), ignore);
  const first = await next();
  const plans = [session.model(({ done }) => heard.push(done)), session.model()];
  await Promise.resolve();
  await expect
    .poll(() => (first.told({ what: 'loading', done: 1, total: 2 }), heard.length))
    .toBeGreaterThan(0);
  first.finish();
  const [model, ...others] = await Promise.all([opening, ...plans]);
  expect(opened).toEqual(['a']);
  for (const other of others) expect(other).toBe(model);
  expect(session.opened).toBe(model);
});

test('a plan that is requested while one model replaces another gets the new one, and the old one is freed once', async () => {
  const { session, opened, freed, next } = world();
  const before = session.openModel(source('a'), ignore);
  (await next()).finish();
  await before;
  const opening = session.openModel(source('b'), ignore);
  const plan = session.model();
  (await next()).finish();
  expect(await plan).toBe(await opening);
  expect(opened).toEqual(['a', 'b']);
  expect(freed).toEqual(['a']);
});

test('two models that are requested at once are opened one after the other, and the last one stays', async () => {
  const { session, opened, freed, next } = world();
  const both = [session.openModel(source('a'), ignore), session.openModel(source('b'), ignore)];
  (await next()).finish();
  (await next()).finish();
  const [, last] = await Promise.all(both);
  expect(opened).toEqual(['a', 'b']);
  expect(freed).toEqual(['a']);
  expect(session.opened).toBe(last);
});

test('all that share a failed opening get its error, and the next call tries again', async () => {
  const { session, opened, next } = world();
  const opening = session.openModel(source('a'), ignore);
  const first = await next();
  const plan = session.model();
  const answers = Promise.allSettled([opening, plan]);
  first.fail(new Error('no room'));
  for (const answer of await answers) expect(answer).toMatchObject({ reason: new Error('no room') });
  const again = session.openModel(source('a'), ignore);
  (await next()).finish();
  await again;
  expect(opened).toEqual(['a', 'a']);
});

test('a model that was being opened on a lost device does not count as open', async () => {
  const { session, opened, lost, next } = world();
  const opening = session.openModel(source('a'), ignore);
  const first = await next();
  lost.failure = new Error('lost');
  first.finish();
  await opening;
  expect(session.opened).toBeUndefined();
  lost.failure = undefined;
  const again = session.model();
  (await next()).finish();
  expect(await again).toBe(session.opened);
  expect(opened).toEqual(['a', 'a']);
});
