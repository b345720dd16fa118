/** The log of use of a chat page: off at first, JSONL, and thumbs that can be taken back. */
import { expect, test } from 'vitest';
import { UsageLog, type LogRow } from '../../../src/chat-page/log.ts';
import { graftError } from '../expect-graft-error.ts';

class Place {
  readonly kept = new Map<string, string>();
  room = Infinity;
  getItem = (key: string): string | null => this.kept.get(key) ?? null;
  removeItem = (key: string): void => void this.kept.delete(key);
  setItem = (key: string, text: string): void => {
    if (text.length > this.room) throw new Error('QuotaExceededError');
    this.kept.set(key, text);
  };
}
const row = (content: string): LogRow => ({
  ...{
    messages: [{ role: 'user', content }],
    finish_reason: 'stop',
    thumb: null,
    time: '2026-01-01T00:00:00.000Z',
  },
});

test('is off until it is switched on, and keeps its rows when it is switched off', () => {
  const place = new Place();
  const log = new UsageLog(place, 'page');
  expect(log.isOn).toBe(false);
  log.turn(true);
  log.add(row('a'));
  log.turn(false);
  const later = new UsageLog(place, 'page');
  expect([later.isOn, later.count]).toEqual([false, 1]);
  expect(new UsageLog(place, 'other').count).toBe(0);
  later.clear();
  expect(place.kept.size).toBe(0);
});

test('writes a row a line, also for texts with line breaks', () => {
  const log = new UsageLog(new Place(), 'page');
  const rows = [row('a\nb'), row('c')];
  for (const one of rows) log.add(one);
  expect(log.text.endsWith('\n')).toBe(true);
  expect(
    log.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual(rows);
});

test('judges an answer, changes that, takes it back, and loses nothing of a deleted log', () => {
  const log = new UsageLog(new Place(), 'page');
  log.add(row('first'));
  let line = log.add(row('second'));
  const thumbs = (): unknown[] =>
    log.text
      .trim()
      .split('\n')
      .map((text) => (JSON.parse(text) as LogRow).thumb);
  line = log.judge(line, 'up');
  expect(thumbs()).toEqual([null, 'up']);
  line = log.judge(line, 'down');
  expect(thumbs()).toEqual([null, 'down']);
  line = log.judge(line, null);
  expect(thumbs()).toEqual([null, null]);
  log.clear();
  log.judge(line, 'up');
  expect(log.text).toBe('');
});

test('says so when the browser has no more room, and keeps what it has', async () => {
  const place = new Place();
  const log = new UsageLog(place, 'page');
  log.add(row('a'));
  place.room = log.text.length;
  const { remedy } = await graftError(async () => log.add(row('b')), 'chat-page-log');
  expect(remedy).toBe('Save the log, and delete it.');
  expect(log.count).toBe(1);
});
