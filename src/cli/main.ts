#!/usr/bin/env node
import { reportFailure } from './failure.js';
import { runCommandLine } from './program.js';

// A guest may still hold the event loop open by a read of standard input that nobody will answer.
process.exit(await runCommandLine(process.argv.slice(2)).catch(reportFailure));
