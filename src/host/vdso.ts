/** The vDSO's image, and the clock that its page is kept in step by (native/guest_clock.h). */
import { readFileSync } from 'node:fs';
import { native } from './native.js';

/** Keeps a clock page in step with the host's clocks, whenever it is refreshed. */
export interface GuestClock {
  refresh(): void;
}

interface VdsoAddon {
  vdsoImage(): Buffer;
  /** `page`: 4 KiB of guest memory. */
  readonly GuestClock: new (page: Uint8Array) => GuestClock;
}

const addon = native as unknown as VdsoAddon;

const CLOCK_SOURCE = '/sys/devices/system/clocksource/clocksource0/current_clocksource';

/** Whether the host itself tells the time by the time-stamp counter: elsewhere it may stop, or jump. */
export function hostTrustsCounter(): boolean {
  try {
    return readFileSync(CLOCK_SOURCE, 'latin1').trim() === 'tsc';
  } catch {
    return false;
  }
}

export function vdsoImage(): Buffer {
  return addon.vdsoImage();
}

export function startGuestClock(page: Uint8Array): GuestClock {
  return new addon.GuestClock(page);
}
