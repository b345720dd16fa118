import { describe, expect, it } from 'vitest';
import { describeFlags, Flags, type FlagSpecs } from '../../../src/cli/flags.ts';

const specs = {
  lr: { value: 'X', help: 'a number' },
  json: { value: 'FILE', bare: '-', help: 'where to' },
  quick: { help: 'on or off' },
} as const satisfies FlagSpecs;
const flags = (...args: string[]): Flags<typeof specs> => new Flags(specs, args);

describe('a flag that may stand without its value', () => {
  it('means the same everywhere', () => {
    for (const args of [['--json'], ['--json', '--quick'], ['--json', '-'], ['--quick', '--json=-']])
      expect(flags(...args).text('json'), args.join(' ')).toBe('-');
    expect(flags('--json', '--quick').on('quick')).toBe(true);
    expect(flags('--json', 'plan.json', '--lr', '1').text('json')).toBe('plan.json');
    expect(flags('--lr', '1').text('json')).toBeUndefined();
  });

  it('is described as such', () => {
    expect(describeFlags(specs)).toContain('--json [FILE]');
  });
});
