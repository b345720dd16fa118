/** Text output of the command: one prompt, many, a conversation; and the output in a pipe. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BIN, DEVICE, graft, temporaryFolder, type Ended } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const MODEL = ['--model', SPRIG, ...DEVICE];
const PROMPTS = ['What do bees do?', 'Who lives in the barn?', 'What is a rose?'];

interface Line {
  readonly line: number;
  readonly text?: string;
  readonly error?: string;
  readonly prompt_ids?: readonly number[];
}

const linesOf = ({ out }: Ended): Line[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

/** A line for a shell, in which "graft" is the command. @returns its exit status and what it printed */
function shell(line: string): Promise<{ code: number; out: string }> {
  const script = `graft() { '${process.execPath}' '${BIN}' "$@"; }; ${line}`;
  return new Promise((resolve) => {
    execFile('bash', ['-c', script], (error, out) => resolve({ code: error ? Number(error.code) : 0, out }));
  });
}

describe('graft generate', () => {
  test('answers each line of a file; a line that is not a prompt costs only itself', async () => {
    writeFileSync(
      at('prompts.jsonl'),
      [
        JSON.stringify(PROMPTS[0]),
        '{"prompt": 5}',
        JSON.stringify({ prompt: PROMPTS[1] }),
        '',
        JSON.stringify({ messages: [{ role: 'user', content: PROMPTS[2] }] }),
      ].join('\n'),
    );
    const many = await graft(['generate', ...MODEL, '--prompts', at('prompts.jsonl')]);
    const lines = linesOf(many);
    expect(many.code).toBe(1);
    expect(many.err).toContain('1 of 4 prompts could not be answered');
    expect(lines.map(({ line }) => line)).toEqual([1, 2, 3, 5]);
    expect(lines[1].error).toMatch(/^Line 2 of .*prompts\.jsonl is not a prompt/);

    // The same by standard input, one text a line, and one prompt alone.
    const [piped, alone] = await Promise.all([
      graft(['generate', ...MODEL, '--prompts', '-'], undefined, {}, `${PROMPTS.join('\n')}\n`),
      graft(['generate', ...MODEL, '--prompt', '-'], undefined, {}, `${PROMPTS[1]}\n`),
    ]);
    const texts = linesOf(piped).map(({ text }) => text);
    expect(piped.code).toBe(0);
    expect(texts).toEqual([lines[0].text, lines[2].text, lines[3].text]);
    expect(alone).toMatchObject({ code: 0, out: `${texts[1]}\n` });
  });

  test('refuses a prompt that nobody wrote', async () => {
    const { code, out, err } = await graft(['generate', ...MODEL, '--prompt', '-']);
    expect({ code, out, err }).toEqual({
      code: 1,
      out: '',
      err: 'graft: Standard input is empty. Write the prompt to it.\n',
    });
  });

  test('leaves nothing but its answer, and ends quietly when nobody reads on', async () => {
    const { code, out } = await shell(
      `set -o pipefail; graft generate ${MODEL.join(' ')} --prompts <(yes 'What is a rose?' | head -n 24) --max-new-tokens 8 2> >(cat > ${at('err')}) | head -n 1`,
    );
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(out)).toHaveProperty('text');
    expect(readFileSync(at('err'), 'utf8')).toBe('');
  });

  test('writes a log where the shell writes it, and overwrites nothing there', async () => {
    await shell(
      `{ echo before; graft generate ${MODEL.join(' ')} --prompts <(echo 'What is a rose?') --max-new-tokens 8; echo after; } > ${at('log')} 2>&1`,
    );
    const lines = readFileSync(at('log'), 'utf8').trimEnd().split('\n');
    const own = lines.filter((line) => !line.startsWith('Warning: maxDynamic'));
    expect([own[0], own[2], own.length]).toEqual(['before', 'after', 3]);
    expect(JSON.parse(own[1])).toHaveProperty('text');
  });
});

describe('graft chat', () => {
  test('answers a question a line, with the turns before it or without them', async () => {
    const ask = (flags: readonly string[], ...lines: string[]): Promise<Ended> =>
      graft(['chat', ...MODEL, ...flags], undefined, {}, `${lines.join('\n')}\n`);
    const [together, single] = await Promise.all([
      ask([], PROMPTS[0], PROMPTS[1], '/prompt'),
      ask(['--single'], PROMPTS[0], PROMPTS[1], '/prompt', '/system Be brief.', PROMPTS[1], '/prompt'),
    ]);
    expect([together.code, single.code]).toEqual([0, 0]);
    const [first, ...rest] = together.out.trimEnd().split('\n');
    expect(first).not.toBe('');
    expect(rest).toHaveLength(1);
    // The second prompt of a conversation includes the first question and its answer; that of a single question has neither.
    expect(together.err).toContain(PROMPTS[0]);
    expect(together.err).toContain(first);
    const [before, after] = single.err.split('The system message is set.');
    expect(before).toContain(PROMPTS[1]);
    expect(before).not.toContain(PROMPTS[0]);
    expect(after).toContain('Be brief.');
    const one = await graft(['generate', ...MODEL, '--prompt', PROMPTS[1]]);
    expect(single.out.split('\n')[1]).toBe(one.out.trimEnd());
  });
});
