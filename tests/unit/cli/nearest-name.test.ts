import { expect, test } from 'vitest';
import { nearestName } from '../../../src/nearest-name.ts';

const NAMES = ['train', 'generate', 'chat', 'plan', 'max-length', 'lr', 'rank'];

test('a slip of the fingers finds its name', () => {
  for (const [typed, name] of [
    ['trian', 'train'],
    ['trein', 'train'],
    ['gen', 'generate'],
    ['max-lenght', 'max-length'],
    ['maxlength', 'max-length'],
    ['lrr', 'lr'],
    ['plam', 'plan'],
    ['rank-of-all', 'rank'],
  ])
    expect(nearestName(typed, NAMES), typed).toBe(name);
});

test('a name that resembles none finds none', () => {
  for (const typed of ['', 'xyz', 'evaluate', 'temperature'])
    expect(nearestName(typed, NAMES), typed).toBeUndefined();
});
