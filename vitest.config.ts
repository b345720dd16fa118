import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'gpu',
          include: ['tests/gpu/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // Dawn and two software adapters share two cores: one file at a time, each in a process of its own.
          pool: 'forks',
          fileParallelism: false,
        },
      },
    ],
  },
});
