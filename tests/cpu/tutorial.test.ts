/** The commands of the tutorial, one after the other, print what the tutorial says that they print. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { codeBlocks, shellCommands } from '../unit/shell-commands.ts';

const ROOT = join(import.meta.dirname, '../..');
const at = temporaryFolder();

/** Lines whose numbers or times depend on the machine; the last is an answer to a wording that was not trained. */
const OWN_TO_MACHINE = /\bloss\b|^Learned|^Training|^SHA-256|^method|\d of 32 \(|^…$|lamps for/i;
const DEVICES = ['train', 'evaluate', 'generate'];

test('every command of the tutorial prints its output', async () => {
  const blocks = codeBlocks(readFileSync(join(ROOT, 'docs/tutorial/command.md'), 'utf8'));
  const compared: string[] = [];
  let printed = '';
  for (const { language, text } of blocks) {
    if (language !== 'sh') {
      const lines = text.split('\n').filter((line) => line !== '' && !OWN_TO_MACHINE.test(line));
      for (const line of lines) expect(printed).toContain(line);
      compared.push(...lines);
      continue;
    }
    printed = '';
    for (const [program, name, command, ...args] of shellCommands(text)) {
      // Of other programs the tutorial calls head, on its own file.
      if (program === 'head') printed += readFileSync(join(ROOT, 'docs/tutorial/notes.csv'), 'utf8');
      if (program !== 'npx' || name !== 'graft') continue;
      const placed = args.map((word) => (word.startsWith('out/') ? at(word.slice('out/'.length)) : word));
      const { out, err } = await graftHere([
        command,
        ...placed,
        ...(DEVICES.includes(command) ? DEVICE_HERE : []),
      ]);
      printed += (out + err).replaceAll(at(), 'out');
    }
  }
  expect(compared).toContain(
    'Tuning helped: the adapter gets 32 of 32 held-out rows exactly right. The best without tuning, the base model, gets 0.',
  );
  expect(compared).toContain('mill: 7 roses for Paul');
  expect(compared).toContain('Wrote first.gguf, README.md, SHA256SUMS to out/first-gguf');
});
