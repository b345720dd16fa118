import { describe, expect, it } from 'vitest';
import { describeFlags, Flags, type FlagSpecs } from '../../../src/cli/flags.ts';
import { graftError } from '../expect-graft-error.ts';

const specs = {
  lr: { value: 'X', help: 'a number' },
  json: { value: 'FILE', bare: '-', help: 'where to' },
  quick: { help: 'on or off' },
} as const satisfies FlagSpecs;
const flags = (...args: string[]): Flags<typeof specs> => new Flags(specs, args);

describe('a value', () => {
  it('that begins with a dash is asked for with an equals sign', async () => {
    const { what, remedy } = await graftError(() => flags('--lr', '-1'), 'arguments');
    expect(what).toBe('--lr has no value: what follows it, -1, begins with a dash.');
    expect(remedy).toBe('If that is the value, write --lr=-1.');
    expect(flags('--lr=-1').number('lr')).toBe(-1);
    const other = await graftError(() => flags('--quick', '--nothing', '--lr', '1'), 'arguments');
    expect(other.what).toContain('--nothing');
  });

  it('is refused at and below zero where only more makes sense', async () => {
    for (const value of ['0', '-1'])
      await graftError(() => flags(`--lr=${value}`).positive('lr'), 'arguments');
    expect(flags('--lr', '0.5').positive('lr')).toBe(0.5);
    expect(flags().positive('lr')).toBeUndefined();
  });
});

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
