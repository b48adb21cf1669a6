import { describe, expect, it } from 'vitest';
import { Pace } from '../../../src/kernel/task/pace.js';

const QUICK = 0.1;
/** What a switch beside the event loop takes where the host is busy, whatever the guest does. */
const SLOW = 5;

/** Switches beside the event loop until the next attempt on its thread. */
function besideUntilAttempt(pace: Pace): number {
  let count = 0;
  for (; !pace.isSynchronous; count++) pace.cameOut(SLOW);
  return count;
}

describe('the pace of a task', () => {
  it('is the short way until the guest computes, and again once it does not', () => {
    const pace = new Pace();
    expect(pace.isSynchronous).toBe(true);
    pace.exhausted();
    expect(pace.isSynchronous).toBe(false);
    pace.cameOut(QUICK);
    expect(pace.isSynchronous).toBe(true);
  });

  it('does not stay the long way for good where every switch beside the event loop is slow', () => {
    const pace = new Pace();
    pace.exhausted();
    expect(besideUntilAttempt(pace)).toBe(1);
  });

  it('tries the short way ever less often in vain, and at once again after a success', () => {
    const pace = new Pace();
    const counts = Array.from({ length: 8 }, () => {
      pace.exhausted();
      return besideUntilAttempt(pace);
    });
    expect(counts).toEqual([1, 2, 4, 8, 16, 32, 32, 32]);
    pace.answered();
    pace.exhausted();
    expect(besideUntilAttempt(pace)).toBe(1);
  });
});
