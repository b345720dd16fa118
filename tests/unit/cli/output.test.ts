/** What a terminal, a log and a program get of what the command prints. */
import { describe, expect, it } from 'vitest';
import { GraftError } from '../../../src/errors.ts';
import { createOutput, formatBytes, type WholeOutput } from '../../../src/cli/output.ts';
import { printable } from '../../../src/printable.ts';
import { textTable } from '../../../src/cli/evaluate-output.ts';
import type { TextStream } from '../../../src/cli/streams.ts';

interface Kept extends TextStream {
  text: string;
}

function stream(kind: { isTerminal?: boolean; takesEscapes?: boolean; columns?: number }): Kept {
  return {
    isTerminal: false,
    takesEscapes: false,
    columns: undefined,
    ...kind,
    text: '',
    write(text) {
      this.text += text;
    },
    flush: async () => undefined,
  };
}

const TERMINAL = { isTerminal: true, takesEscapes: true, columns: 20 };
const ATTACK = '\x1b]0;owned\x07\x9b2J\x7f\rfine\u202e\u2066';
const SHOWN = '\\u001b]0;owned\\u0007\\u009b2J\\u007f\\u000dfine\\u202e\\u2066';

function outputOf(messages: TextStream, results: TextStream): WholeOutput {
  return createOutput(messages, () => results);
}

describe('text of others', () => {
  it('shows a terminal nothing to obey, and keeps lines, tabs and every script', () => {
    expect(printable(ATTACK)).toBe(SHOWN);
    const text = 'a\tb\nc\r\nÄ 漢字 שלום\u200f 😀 \u00a0';
    expect(printable(text)).toBe(text);
    const json = JSON.stringify({ text: `${ATTACK}\b` });
    expect(JSON.parse(printable(json))).toEqual({ text: `${ATTACK}\b` });
  });

  it('is printable in messages and progress, on a terminal and in a log', () => {
    for (const kind of [TERMINAL, {}]) {
      const messages = stream(kind);
      const output = outputOf(messages, stream({}));
      output.line(ATTACK);
      expect(messages.text).toBe(`${SHOWN}\n`);
      messages.text = '';
      output.progress('\x1b[5m\na', true);
      expect(messages.text).toContain('\\u001b[5m a');
      expect(messages.text.replace('\r\x1b[2K', '')).not.toContain('\x1b');
    }
  });

  it('is printable in results on a terminal, and unchanged for a program', () => {
    const [seen, piped] = [stream(TERMINAL), stream({})];
    outputOf(stream({}), seen).result(ATTACK);
    outputOf(stream({}), piped).result(ATTACK);
    expect(seen.text).toBe(SHOWN);
    expect(piped.text).toBe(ATTACK);
  });

  it('leaves the columns of a table aligned', () => {
    expect(textTable(['name', 'n'], [['\x1b[2J', '1']])).toBe('name       n\n\\u001b[2J  1\n');
  });
});

describe('progress', () => {
  it('replaces the progress before it on a terminal that takes escape sequences', () => {
    const messages = stream(TERMINAL);
    const output = outputOf(messages, stream({}));
    output.progress('x'.repeat(50), true);
    output.line('done');
    expect(messages.text).toBe(`\r\x1b[2K${'x'.repeat(19)}\r\x1b[2Kdone\n`);
  });

  it('is plain lines on a terminal that takes none', () => {
    const messages = stream({ ...TERMINAL, takesEscapes: false });
    const output = outputOf(messages, stream({}));
    output.progress('too soon');
    output.progress('first', true);
    output.clear();
    output.line('done');
    expect(messages.text).toBe('first\ndone\n');
  });
});

describe('a result that could not be written', () => {
  const failing = (later: boolean): WholeOutput =>
    createOutput(stream({}), (failed) => ({
      ...stream({}),
      write() {
        const error = new GraftError('file-write', 'Standard output could not be written.', '');
        if (later) queueMicrotask(() => failed(error));
        else failed(error);
      },
    }));

  it('ends the command at once, and the wait at its end again', async () => {
    const output = failing(false);
    expect(() => output.result('a')).toThrow('could not be written');
    await expect(output.flush()).rejects.toThrow('could not be written');
  });

  it('ends it later, if the error comes later', async () => {
    const output = failing(true);
    output.result('a');
    await Promise.resolve();
    expect(() => output.result('b')).toThrow('could not be written');
    await expect(output.flush()).rejects.toThrow('could not be written');
  });
});

it('gives a size below a kilobyte in bytes', () => {
  expect([0, 320, 999, 1000, 12_400, 1_230_000].map(formatBytes)).toEqual([
    ...['0 B', '320 B', '999 B', '1 kB', '12 kB', '1.2 MB'],
  ]);
});
