/** The log of use on the page, compared with `graft log`: the worker's own API against the command on the same files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'valibot';
import { afterAll, expect, test } from 'vitest';
import { useLogCommand } from '../../../src/cli/use-log.ts';
import { ExampleReader } from '../../../src/data/formats.ts';
import { ResultFile } from '../../../src/worker/archive/layout.ts';
import { feedbackApi } from '../../../src/worker/chat/feedback-api.ts';
import type { Session } from '../../../src/worker/session.ts';

const folder = mkdtempSync(join(tmpdir(), 'graft-use-look-'));
afterAll(() => rmSync(folder, { recursive: true }));

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const LOG = lines([
  {
    ...{ model: 'voice', messages: [{ role: 'user', content: 'the invoice' }] },
    ...{ answer: 'I am sorry, no.', finish_reason: 'stop' },
  },
  { model: 'base', prompt: 'the owl', answer: 'It is', finish_reason: 'length', thumb: 'down' },
  {
    messages: [
      { role: 'user', content: 'the tax of the invoice' },
      { role: 'assistant', content: 'It is here.' },
    ],
    ...{ time: '2026-01-01T00:00:00.000Z', thumb: 'up' },
  },
]);
const ROWS = lines(
  ['the owl', 'the goat', 'the well', 'a rose'].map((prompt) => ({ prompt, completion: 'It is here.' })),
);

/** A session with these rows open, all of them for training. */
function sessionWith(rows: string): Session {
  const reader = new ExampleReader(new TextEncoder().encode(rows), { fileName: 'rows.jsonl' });
  for (const _ of reader.read());
  const places = reader.result().examples.map((example, at) => ({ example, part: 'train', line: at + 1 }));
  return { data: { places } } as unknown as Session;
}

test('the page and the command report the same numbers and sentences', async () => {
  const [log, data] = ['used.jsonl', 'rows.jsonl'].map((name) => join(folder, name));
  writeFileSync(log, LOG);
  writeFileSync(data, ROWS);
  let json = '';
  const said: string[] = [];
  await useLogCommand(['--file', log, '--data', data, '--json'], {
    line: (text) => void said.push(text),
    result: (text) => void (json += text),
    ...{ progress: () => undefined, clear: () => undefined },
  });

  const api = feedbackApi(sessionWith(ROWS));
  const opened = await api.readUseLog(new Blob([LOG]), 'used.jsonl');
  if (!opened.ok) throw new Error(opened.what);
  const looked = await api.lookAtUse(opened.answers);
  if (!looked.ok) throw new Error(looked.what);
  const { report, sentences, trained, lengths, lessons } = looked.look;
  expect(report).toEqual(JSON.parse(json));
  expect(sentences).toEqual(said);
  expect(trained).toBe(4);
  expect(lengths.answers[0].before).toBeDefined();
  expect(lessons.lessons.map(({ why, correction }) => [why, correction])).toEqual([
    ['refusal', undefined],
    ['cut', 'It is here.'],
    [undefined, undefined],
  ]);
  // What is kept of it comes back from an archive.
  const kept = { kind: 'log', changed: 1, value: { on: true, answers: opened.answers } };
  expect(parse(ResultFile, kept)).toEqual(kept);
});

test('the same line has the same id in each file, whatever the thumb', async () => {
  const api = feedbackApi(sessionWith(ROWS));
  const idsOf = async (text: string): Promise<string[]> => {
    const opened = await api.readUseLog(new Blob([text]), 'used.jsonl');
    return opened.ok ? opened.answers.map(({ id }) => id) : [];
  };
  const ids = await idsOf(LOG);
  expect(new Set(ids).size).toBe(3);
  expect(await idsOf(LOG.replace('"thumb":"down"', '"thumb":"up"'))).toEqual(ids);
});

test('a line that was half written is named', async () => {
  const opened = await feedbackApi(sessionWith(ROWS)).readUseLog(
    new Blob([LOG, '{"time": "2']),
    'used.jsonl',
  );
  if (!opened.ok) throw new Error(opened.what);
  expect(opened.answers).toHaveLength(3);
  expect(opened.left).toContain('Line 4 of used.jsonl is left out');
});

test('a file that is no log is refused with its line', async () => {
  const api = feedbackApi(sessionWith(ROWS));
  expect(await api.readUseLog(new Blob([ROWS]), 'rows.jsonl')).toMatchObject({
    ok: false,
    code: 'use-log',
    what: 'Line 1 of rows.jsonl is not an answer of a log.',
  });
});
