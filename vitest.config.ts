import { defineConfig } from 'vitest/config';
import { patience } from './test/patience.js';

export default defineConfig({
  test: {
    // Programs that race on a busy machine do so natively, too: a comparison may be tried twice there.
    retry: process.env['CI'] === undefined ? 0 : 1,
    include: ['test/**/*.test.ts'],
    reporters: ['./test/reporter.ts'],
    // One process a file: a test of the native layer may take its process down.
    pool: 'forks',
    // Guests take a core each; more than two files at a time only makes them wait for one another.
    maxWorkers: 2,
    // Far more than any test takes on a quiet machine: being late is no failure, only never ending is.
    testTimeout: patience(180_000),
    hookTimeout: patience(180_000),
    teardownTimeout: 10_000,
  },
});
