/** The command on the processor, in a process of its own: it needs no GPU, answers, and ends. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { graft } from '../gpu/graft-command.ts';

const SPRIG = fileURLToPath(new URL('../../public/models/sprig', import.meta.url));
const CPU = ['--device', 'cpu'];
/** A Vulkan driver that is not there: nothing may ask for one. */
const NO_GPU = { VK_DRIVER_FILES: '/nonexistent.json' };

test('it answers, and ends although its threads wait for work', async () => {
  const asked = ['generate', '--model', SPRIG, '--prompt', 'Who are you?', ...CPU];
  const { code, out, err } = await graft(asked, undefined, NO_GPU);
  expect(code, err).toBe(0);
  expect(out).toContain('garden');
});

test('it plans for the processor without opening it', async () => {
  const { code, out, err } = await graft(['plan', '--model', SPRIG, '--json', ...CPU], undefined, NO_GPU);
  expect(code, err).toBe(0);
  const plan = JSON.parse(out) as { adapter: string; limits: { maxBufferSize: number } };
  expect(plan.adapter).toBe('the processor');
  expect(plan.limits.maxBufferSize).toBeGreaterThan(2 ** 31);
});

test('the benchmark names the build and the threads, and profiles kernels', async () => {
  const args = [
    'bench',
    '--only',
    'training',
    '--batches',
    '1x32',
    '--runs',
    '1',
    '--profile',
    '--json',
    ...CPU,
  ];
  const { code, out, err } = await graft(args, undefined, NO_GPU);
  expect(code, err).toBe(0);
  const result = JSON.parse(out) as {
    driver: string;
    training: { profile: { kernels: { kernel: string }[] } }[];
  };
  expect(result.driver).toMatch(/^CPU (relaxed )?SIMD, \d+ threads?$/);
  const names = result.training[0].profile.kernels.map(({ kernel }) => kernel);
  expect(names).toContain('attention');
  expect(names.some((name) => /^matmul NT \d+×\d+×\d+$/.test(name))).toBe(true);
});
