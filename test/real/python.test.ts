/** CPython, with much of its standard library. */
import { describePlatforms } from './platforms.js';
import { itRunsAsNative } from './programs.js';

const interpreter = ['/usr/bin/python3'];

describePlatforms('python', () => {
  itRunsAsNative('threads, processes, loops, sockets, mappings, signals, sqlite3', {
    interpreter,
    script: 'python.py',
  });

  itRunsAsNative('import of the whole standard library', { interpreter, script: 'imports.py' });

  itRunsAsNative('the interactive interpreter on a pseudo-terminal', {
    interpreter,
    script: 'repl.py',
  });
});
