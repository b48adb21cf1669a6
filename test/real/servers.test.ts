/** Servers with their clients, in the same sandbox. */
import { describePlatforms } from './platforms.js';
import { itRunsAsNative } from './programs.js';

describePlatforms('servers', () => {
  itRunsAsNative('redis, nginx, sqlite', {
    interpreter: ['/bin/sh'],
    script: 'servers.sh',
    normalise: (text) => text.replace(/after \d+ ms/g, 'after <n> ms'),
    needs: {
      'redis-server': 'redis-server',
      'redis-benchmark': 'redis-tools',
      nginx: 'nginx-light',
      curl: 'curl',
      sqlite3: 'sqlite3',
    },
  });
});
