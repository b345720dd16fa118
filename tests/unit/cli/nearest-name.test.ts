import { describe, expect, test } from 'vitest';
import { trainFlags } from '../../../src/cli/train-flags.ts';
import { evaluateFlags } from '../../../src/cli/evaluate-flags.ts';
import { generateFlags } from '../../../src/cli/generate.ts';
import { nearestFlag, nearestName } from '../../../src/nearest-name.ts';

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

describe('a flag of another tool', () => {
  const TRAIN = Object.keys(trainFlags);

  test.each([
    ['learning-rate', 'lr'],
    ['learning_rate', 'lr'],
    ['lerning-rate', 'lr'],
    ['batch-size', 'batch'],
    ['per_device_train_batch_size', 'batch'],
    ['num-train-epochs', 'epochs'],
    ['epoch', 'epochs'],
    ['max-steps', 'steps'],
    ['lora-r', 'rank'],
    ['lora-alpha', 'alpha'],
    ['optimizer', 'optimiser'],
    ['output-dir', 'out'],
    ['max_seq_length', 'max-length'],
    ['adapter', 'init-adapter'],
    ['adapter-path', 'init-adapter'],
  ])('is suggested by its meaning: --%s is --%s of a run', (typed, ours) => {
    expect(nearestFlag(typed, TRAIN)).toBe(ours);
  });

  test('has the flag of the command that was called', () => {
    expect(nearestFlag('lora', Object.keys(evaluateFlags))).toBe('adapter');
    expect(nearestFlag('max-tokens', Object.keys(generateFlags))).toBe('max-new-tokens');
    expect(nearestFlag('learning-rate', Object.keys(generateFlags))).toBeUndefined();
  });

  test('leaves slips of the fingers to the letters', () => {
    for (const [typed, ours] of [
      ['stepz', 'steps'],
      ['max-lenght', 'max-length'],
      ['save-evry', 'save-every'],
      ['sed', 'seed'],
    ])
      expect(nearestFlag(typed, TRAIN), typed).toBe(ours);
    for (const typed of ['xyzzy', 'x']) expect(nearestFlag(typed, TRAIN), typed).toBeUndefined();
  });
});
