import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Compares large arrays fast. */
const EQUAL_BYTES = 'tests/equal-bytes.ts';

/** Two processes, each of which keeps its devices and what they have compiled. */
const BY_TWO = {
  pool: 'forks',
  maxWorkers: 2,
  isolate: false,
  setupFiles: EQUAL_BYTES,
  testTimeout: 600_000,
  hookTimeout: 600_000,
} as const;

export default defineConfig({
  test: {
    // `npm test` starts vitest six times, each with most of the sources: they are transformed once, and kept by their content until the next `npm ci`.
    experimental: { fsModuleCache: true },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          setupFiles: [EQUAL_BYTES, 'tests/unit/fuzz-seed.ts'],
          maxWorkers: availableParallelism(),
          // Most of these files take less time than what they import.
          isolate: false,
          testTimeout: 60_000,
          expect: { poll: { timeout: 30_000 } },
        },
      },
      {
        test: { name: 'gpu', include: ['tests/engine/**/*.test.ts', 'tests/gpu/**/*.test.ts'], ...BY_TWO },
      },
      {
        // What holds for every device, on the CPU engine, and what is the CPU engine's own.
        test: {
          name: 'cpu',
          include: ['tests/cpu/**/*.test.ts', 'tests/engine/**/*.test.ts'],
          ...BY_TWO,
          env: { GRAFT_TEST_DEVICE: 'cpu' },
        },
      },
      {
        test: {
          name: 'browser',
          include: ['tests/browser/**/*.test.ts'],
          globalSetup: 'tests/browser/server.ts',
          setupFiles: 'tests/browser/on-failure.ts',
          testTimeout: 300_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 90_000 } },
          // Each process keeps its Chromium. Three keep two processors busy while a page waits for a timer.
          pool: 'forks',
          maxWorkers: 3,
          isolate: false,
        },
      },
      {
        // What `npm run test:long` runs, and `npm test` does not: hundreds of steps, a real model.
        test: {
          name: 'long',
          include: ['tests/long/**/*.test.ts'],
          globalSetup: 'tests/browser/server.ts',
          testTimeout: 3_600_000,
          hookTimeout: 600_000,
          pool: 'forks',
          fileParallelism: false,
        },
      },
      {
        // Long attacks that `npm run test:campaigns` runs, and `npm test` does not.
        test: {
          name: 'campaigns',
          include: ['tests/campaigns/**/*.test.ts'],
          globalSetup: 'tests/browser/server.ts',
          testTimeout: 7_200_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'interop',
          include: ['tests/interop/**/*.test.ts'],
          // Two processes, each of which keeps its Python with torch.
          ...BY_TWO,
        },
      },
    ],
  },
});
