import { expect, it } from 'vitest';
import { guestEnvironment } from '../../src/cli/environment.js';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

it('gives a guest PATH and HOME, and nothing of the host', () => {
  expect(guestEnvironment([], { uid: 0, terminalType: undefined })).toEqual([PATH, 'HOME=/root']);
  expect(guestEnvironment([], { uid: 1000, terminalType: undefined })).toEqual([PATH, 'HOME=/']);
});

it('names the terminal where the guest has one', () => {
  expect(guestEnvironment([], { uid: 0, terminalType: 'xterm' })).toContain('TERM=xterm');
});

it('lets a request replace a default and an earlier request', () => {
  const requested = ['HOME=/home/u', 'A=1', 'A=2', 'E='];
  expect(guestEnvironment(requested, { uid: 0, terminalType: undefined })).toEqual([
    PATH,
    'HOME=/home/u',
    'A=2',
    'E=',
  ]);
});
