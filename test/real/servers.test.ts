/** Servers with their clients, in the same sandbox, and databases. */
import { describePlatforms } from './platforms.js';
import { itRunsAsNative } from './programs.js';

describePlatforms('servers', () => {
  itRunsAsNative('redis and nginx', {
    interpreter: ['/bin/sh'],
    script: 'servers.sh',
    normalise: (text) => text.replace(/after \d+ ms/g, 'after <n> ms'),
    needs: {
      'redis-server': 'redis-server',
      'redis-benchmark': 'redis-tools',
      nginx: 'nginx-light',
      curl: 'curl',
    },
  });

  itRunsAsNative('sqlite: a script of 100,000 rows, on disk', {
    interpreter: ['/bin/sh'],
    script: 'sqlite.sh',
    needs: { sqlite3: 'sqlite3' },
    bound: true,
  });
});
