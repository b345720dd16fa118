import { expect, it } from 'vitest';
import { GraftError } from '../../src/errors.ts';

it('an error shows names and values of any length in a message that can be read', () => {
  const { what, message } = new GraftError(
    'x',
    `The tensor ${'x'.repeat(5000)} has no shape.`,
    'Fetch it again.',
  );
  expect(what.length).toBeLessThan(1010);
  expect(what).toMatch(/^The tensor x+ … x+ has no shape\.$/);
  expect(message).toBe(`${what} Fetch it again.`);
  expect(new GraftError('x', 'Short.', '').message).toBe('Short.');
});
