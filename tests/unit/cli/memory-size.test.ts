import { expect, test } from 'vitest';
import { Flags, type FlagSpecs } from '../../../src/cli/flags.ts';
import { readMemory } from '../../../src/cli/memory-size.ts';
import { graftError } from '../expect-graft-error.ts';

const specs = { memory: { value: 'SIZE', help: '' } } as const satisfies FlagSpecs;
const read = (text: string): ReturnType<typeof readMemory> =>
  readMemory(new Flags(specs, [`--memory=${text}`]), 'memory');

test('a size is printed in the unit in which it was given', () => {
  for (const [text, bytes, shown] of [
    ['8GiB', 8 * 2 ** 30, '1 GiB'],
    ['8 gib', 8 * 2 ** 30, '1 GiB'],
    ['1.5GB', 1.5e9, '1.07 GB'],
    ['500', 500 * 2 ** 20, '1024 MiB'],
    ['8000MB', 8e9, '1074 MB'],
    ['10KB', 10_000, '1073742 KB'],
    ['10 kib', 10_240, '1048576 KiB'],
  ] as const) {
    expect(read(text)!.bytes, text).toBe(bytes);
    expect(read(text)!.show(2 ** 30), text).toBe(shown);
  }
  expect(readMemory(new Flags(specs, []), 'memory')).toBeUndefined();
});

test('an invalid size is refused', async () => {
  for (const text of ['8k', 'much', 'GiB', '1.2.3', '0', '-1', ''])
    await graftError(() => read(text), 'arguments');
  expect((await graftError(() => read('8k'), 'arguments')).remedy).toBe(
    'Write a number with KiB, MiB, GiB, KB, MB or GB, such as 500MB, or a number of MiB.',
  );
});
