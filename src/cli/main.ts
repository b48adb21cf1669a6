#!/usr/bin/env node
import { join } from 'node:path';
import { loadBundle } from '../bundle/bundle.js';

if (process.env.RINGFENCE_DEBUG) process.setSourceMapsEnabled(true);
// A guest may still hold the event loop open by a read of standard input that nobody will answer.
void loadBundle(join(__dirname, '../bundle'), require)
  .exports.commandLine()
  .main(process.argv.slice(2))
  .then((status) => process.exit(status));
