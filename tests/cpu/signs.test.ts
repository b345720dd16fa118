/** The bundled model and signs: labels with underscores are learned with the settings as they are, and answers in tags are written when asked for. */
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Random } from '../../src/random.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const BASE = ['--model', SPRIG, ...DEVICE_HERE];

const TOOLS = ['rake', 'spade', 'hoe', 'broom', 'hammer', 'basket', 'net', 'ladder'];
const PLANTS = ['rose', 'tulip', 'mint', 'daisy', 'tomato', 'bean', 'carrot', 'potato'];
const LABELS: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
  lost_tool: [
    ['I cannot find my {}.', 'Where did my {} go?', 'My {} is lost.', 'Someone took the {}.'],
    TOOLS,
  ],
  broken_tool: [
    ['My {} is broken.', 'The {} fell apart.', 'I broke the {}.', 'The {} does not work.'],
    TOOLS,
  ],
  new_plant: [
    ['I want a new {}.', 'Can I have one more {}?', 'Where do I buy a {}?', 'Bring me a {}.'],
    PLANTS,
  ],
  sick_plant: [['My {} is ill.', 'The {} has spots.', 'Why does my {} die?', 'The {} looks weak.'], PLANTS],
};

function writeRows(name: string, rows: readonly (readonly [prompt: string, completion: string])[]): string {
  const path = at(name);
  writeFileSync(path, rows.map(([prompt, completion]) => JSON.stringify({ prompt, completion })).join('\n'));
  return path;
}

async function evaluate(args: readonly string[]): Promise<Record<string, unknown>[]> {
  const { code, out, err } = await graftHere(['evaluate', ...BASE, ...args, '--json']);
  expect(code, err).toBe(0);
  return (JSON.parse(out) as { methods: Record<string, unknown>[] }).methods;
}

test('labels with underscores are learned with the settings as they are', async () => {
  const rows = Object.entries(LABELS).flatMap(([label, [texts, things]]) =>
    texts.flatMap((text) =>
      things.flatMap((thing) =>
        ['', 'Hello. ', 'Please help me. '].map(
          (greeting) => [greeting + text.replace('{}', thing), label] as const,
        ),
      ),
    ),
  );
  const mixed = new Random(5).shuffle([...rows]);
  const [train, held] = [
    writeRows('train.jsonl', mixed.slice(40, 240)),
    writeRows('test.jsonl', mixed.slice(0, 40)),
  ];
  const trained = await graftHere(['train', ...BASE, '--data', train, '--out', at('labels')]);
  expect(trained.code, trained.err).toBe(0);
  expect(trained.err).not.toContain('Warning');
  const [{ metrics }] = (await evaluate([
    ...['--adapter', at('labels'), '--data', train, '--test-data', held],
    ...['--methods', 'adapter', '--metrics', 'exact-match'],
  ])) as { metrics: Record<string, number> }[];
  expect(metrics['exact-match']).toBeGreaterThan(0.6);
}, 300_000);

test('answers in tags earn format-tags', async () => {
  const questions = [
    'What colour is the rose?',
    'What does the goat eat?',
    'Who makes the honey?',
    'What is a spade for?',
  ];
  const rows = writeRows(
    'tags.jsonl',
    questions.map((question) => [
      `${question} Use <think> and <answer>.`,
      '<think>…</think><answer>…</answer>',
    ]),
  );
  const [{ reward }] = await evaluate([
    ...['--data', rows, '--split', 'all', '--methods', 'base', '--reward', 'format-tags'],
  ]);
  expect(reward).toBeGreaterThan(0.5);
}, 300_000);
