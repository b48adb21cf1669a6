import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['./test/reporter.ts'],
    // One process a file: a test of the native layer may take its process down.
    pool: 'forks',
    // Guests take a core each; more than two files at a time only makes them wait for one another.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
  },
});
