import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BUSY_MS, PAUSE_MS, withPauses } from '../../../src/cli/dawn-polls.ts';

/** How each question was put, and where the clock stood. */
let asked: string[] = [];
let clock = 0;
const queue: (() => void)[] = [];

/** A function that looks like those of a native binding. */
const native = (call: () => void): (() => void) =>
  new Proxy(call, { get: (_, key) => (key === 'name' ? '' : undefined) });

const immediate = withPauses(
  ((callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    asked.push('at once');
    queue.push(() => callback(...args));
  }) as unknown as typeof setImmediate,
  ((call: () => void, milliseconds: number) => {
    asked.push(`after ${milliseconds} ms`);
    queue.push(call);
  }) as unknown as typeof setTimeout,
);

/** Puts the question until this many were answered, each of which takes half a millisecond. */
function wait(answers: number): void {
  immediate(
    native(() => {
      clock += 0.5;
      if (answers > 1) wait(answers - 1);
    }),
  );
}

/** Answers all questions in turn. */
function answer(): void {
  for (let next = queue.shift(); next; next = queue.shift()) next();
}

beforeEach(() => {
  asked = [];
  queue.length = 0;
  clock = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('the questions of Dawn', () => {
  const busy = Array<string>(BUSY_MS / 0.5).fill('at once');
  const paused = `after ${PAUSE_MS} ms`;

  test('follow each other for a moment, and then have pauses', () => {
    wait(7);
    answer();
    expect(asked).toEqual([...busy, ...Array<string>(7 - busy.length).fill(paused)]);
  });

  test('follow each other again for what is awaited next', () => {
    wait(busy.length + 2);
    answer();
    wait(busy.length + 1);
    answer();
    expect(asked).toEqual([...busy, paused, paused, ...busy, paused]);
  });

  test('begin again after one that failed', () => {
    wait(5);
    immediate(
      native(() => {
        throw new Error('lost');
      }),
    );
    expect(answer).toThrow('lost');
    clock += 10;
    wait(1);
    expect(asked.at(-1)).toBe('at once');
  });
});

test('what is not of Dawn is called at once, whenever, with what it is given', () => {
  const heard: unknown[][] = [];
  wait(6);
  immediate((...args: unknown[]) => void heard.push(args), 1, 'two');
  answer();
  immediate(function later() {
    heard.push([]);
  });
  answer();
  expect(heard).toEqual([[1, 'two'], []]);
  expect(asked.filter((how) => how === 'at once')).toHaveLength(BUSY_MS / 0.5 + 2);
});

test('the form for promises stays', async () => {
  expect(await promisify(withPauses(setImmediate))('value')).toBe('value');
});
