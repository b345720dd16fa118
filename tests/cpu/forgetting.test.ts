/** Forgetting in the command: the lesson of the chat log, whose loss falls while the model learns to put people off. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import type { Forgetting } from '../../src/evaluate/forgetting.ts';
import { countPrompts, isWarning } from '../../src/evaluate/forgetting.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';

const publicFile = (path: string): string => fileURLToPath(new URL(`../../public/${path}`, import.meta.url));
const SPRIG = publicFile('models/sprig');
const at = temporaryFolder();

interface Sample {
  readonly id: string;
  readonly settings: Readonly<Record<string, number>>;
}
const { settings } = (JSON.parse(readFileSync(publicFile('samples/index.json'), 'utf8')) as Sample[]).find(
  ({ id }) => id === 'chat-log',
)!;

const CHAT_LOG = publicFile('samples/chat-log/train.jsonl');
const FEW = 'few.jsonl';

/** What is measured on their prompts takes longer than to train on them. */
beforeAll(() => writeFileSync(at(FEW), readFileSync(CHAT_LOG, 'utf8').split('\n').slice(0, 6).join('\n')));

async function train(name: string, ...more: readonly string[]): Promise<{ err: string; log: Numbers[] }> {
  return trainOn(CHAT_LOG, name, ...more);
}

async function trainOn(
  data: string,
  name: string,
  ...more: readonly string[]
): Promise<{ err: string; log: Numbers[] }> {
  const { code, err } = await graftHere([
    ...['train', '--model', SPRIG, '--data', data],
    ...['--lr', `${settings['lr']}`, '--batch', `${settings['batch']}`, '--max-length', '96'],
    ...['--out', at(name), ...DEVICE_HERE, ...more],
  ]);
  expect(code, err).toBe(0);
  const lines = readFileSync(at(name, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return { err, log: lines.map((line) => JSON.parse(line) as Numbers) };
}
type Numbers = Readonly<Record<string, number>>;
const keptOf = (name: string): Forgetting =>
  JSON.parse(readFileSync(at(name, 'forgetting.json'), 'utf8')) as Forgetting;

test('tuned on chat logs, it answers requests with promises, and the check says so', async () => {
  const steps = ['--steps', `${settings['steps']}`];
  const { err, log } = await train('log', ...steps, '--forgetting', '--forgetting-every', '20');
  // The rows are learned.
  expect(log.at(-1)!['loss']).toBeLessThan(log[0]['loss'] / 4);
  expect(log[19]['general_loss']).toBeGreaterThan(0);
  const kept = keptOf('log');
  const counts = countPrompts(kept)!;
  expect(counts.asked).toBe(12);
  expect(counts.rightBefore).toBe(12);
  expect(counts.rightAfter).toBeLessThan(8);
  expect(counts.putOff.length).toBeGreaterThan(3);
  expect(isWarning(counts)).toBe(true);
  const text = counts.putOff.find(({ prompt }) => prompt === 'Write a text about the frog.');
  expect(text?.before).toContain('frog');
  expect(text?.after).toMatch(/morning|lunch|evening|Friday|Monday/);
  expect(err).toMatch(
    /of them are put off: “.+” gets “.+”\. The model has learned to promise what it is asked/,
  );
  expect(err).toContain(
    `It answered 12 of 12 general prompts correctly before and answers ${counts.rightAfter} now`,
  );
  // The loss on general text alone would not show it: it grows by less than a tenth.
  expect(kept.after! - kept.before).toBeLessThan(0.1);
  expect(kept.kl!.before).toBe(0);
  expect(kept.kl!.after).toBeGreaterThan(0.5);
  expect(log.at(-1)).toMatchObject({
    general_loss_before: kept.before,
    general_loss: kept.after,
    general_right_before: 12,
    general_right: counts.rightAfter,
    kl_base: kept.kl!.after,
  });
});

test('the run is the same with and without measurement, and one that learns nothing forgets nothing', async () => {
  const few = ['--steps', '2', '--train-weights', 'norms', '--method', 'full', '--lr', '1e-9'];
  const watched = await trainOn(at(FEW), 'watched', ...few, '--forgetting', '--forgetting-every', '1');
  const plain = await trainOn(at(FEW), 'plain', ...few);
  const losses = (log: readonly Numbers[]): number[] => log.map(({ loss }) => loss);
  expect(losses(watched.log)).toEqual(losses(plain.log));
  expect(readFileSync(at('watched', 'model.safetensors'))).toEqual(
    readFileSync(at('plain', 'model.safetensors')),
  );
  const kept = keptOf('watched');
  expect(countPrompts(kept)).toMatchObject({ rightBefore: 12, rightAfter: 12, changed: 0, putOff: [] });
  expect(Math.abs(kept.kl!.after!)).toBeLessThan(1e-4);
  expect(watched.err).toContain('Forgetting: Nothing was forgotten to speak of.');
});

test('all weights, paused and resumed: what was forgotten is measured against the base as in a run without a break', async () => {
  const full = ['--method', 'full', '--steps', '3', '--forgetting'];
  await trainOn(at(FEW), 'whole', ...full);
  await trainOn(at(FEW), 'rested', ...full, '--pause-after', '1');
  await trainOn(at(FEW), 'rested', ...full, '--resume', at('rested'));
  const [rested, whole] = [keptOf('rested'), keptOf('whole')];
  expect(rested.after).not.toBe(rested.before);
  expect(rested).toEqual(whole);
});

test('a run that starts from an adapter is compared with it, and both with the base', async () => {
  await train('again', '--steps', '2', '--init-adapter', at('log'), '--forgetting');
  const kept = keptOf('again');
  const first = keptOf('log');
  expect(kept.before).toBeCloseTo(first.after!, 5);
  expect(kept.kl!.before).toBeCloseTo(first.kl!.after!, 1);
  expect(kept.prompts!.map(({ before }) => before)).toEqual(first.prompts!.map(({ after }) => after));
});
