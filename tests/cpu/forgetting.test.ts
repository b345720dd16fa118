/** Forgetting in the command: the lesson of the chat log, whose loss falls while the model learns to put people off. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Forgetting } from '../../src/evaluate/forgetting.ts';
import { countPrompts, isWarning } from '../../src/evaluate/forgetting.ts';
import { DEVICE, graft, temporaryFolder } from '../engine/graft-command.ts';

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

async function train(name: string, ...more: readonly string[]): Promise<{ err: string; log: Numbers[] }> {
  const { code, err } = await graft([
    ...['train', '--model', SPRIG, '--data', publicFile('samples/chat-log/train.jsonl')],
    ...['--lr', `${settings['lr']}`, '--batch', `${settings['batch']}`, '--max-length', '96'],
    ...['--out', at(name), ...DEVICE, ...more],
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
  const watched = await train('watched', ...few, '--forgetting', '--forgetting-every', '1');
  const plain = await train('plain', ...few);
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

test('all weights, interrupted and resumed: what was forgotten is measured against the base as in a run without a break', async () => {
  const full = ['--method', 'full', '--steps', '6', '--forgetting'];
  await train('whole', ...full);
  let sent = false;
  const args = [
    ...['train', '--model', SPRIG, '--data', publicFile('samples/chat-log/train.jsonl')],
    ...['--lr', `${settings['lr']}`, '--batch', `${settings['batch']}`, '--max-length', '96', ...full],
    ...['--out', at('rested'), ...DEVICE],
  ];
  const first = await graft(args, (err, kill) => {
    if (sent || !/Step 1 of 6/.test(err)) return;
    sent = true;
    kill('SIGINT');
  });
  expect(first.code, first.err).toBe(130);
  const second = await graft([...args, '--resume', at('rested')]);
  expect(second.code, second.err).toBe(0);
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
