/**
 * Writes the code cache of the bundle, where the package is built or installed: by whom the code is written, and into
 * the same folder. It holds what has run by then, so a program is run, as far as that is possible here.
 */
import { loadBundle } from './bundle.js';

/** Milliseconds after which it holds what there is. */
const PATIENCE = 10_000;

const bundle = loadBundle(__dirname, require);

function finish(): void {
  bundle.writeCodeCache();
  process.exit();
}

setTimeout(finish, PATIENCE);
void bundle.exports.commandLine().main(['run', '--', '/bin/true']).then(finish);
