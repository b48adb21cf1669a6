import { describe, expect, it } from 'vitest';

import { judge } from '../../bench/bars.js';

describe('a bar', () => {
  it('is met up to its value, beside the row it is a multiple of', () => {
    const verdicts = judge([
      { name: 'kvm.raw', p50: 100 },
      { name: 'kvm.switchSync', p50: 110 },
      { name: 'kvm.switch', p50: 161 },
    ]);
    expect(verdicts).toEqual([
      { row: 'kvm.switchSync', beside: 'kvm.raw', atMost: 1.1, value: 1.1, met: true },
      { row: 'kvm.switch', beside: 'kvm.raw', atMost: 1.6, value: 1.61, met: false },
    ]);
  });

  it('is a figure by itself where it is beside no row', () => {
    expect(judge([{ name: 'start.sandbox.kvm', p50: 3.2 }])).toEqual([
      { row: 'start.sandbox.kvm', atMost: 3, value: 3.2, met: false },
    ]);
  });

  it('is not judged where one of its rows was not measured', () => {
    expect(judge([{ name: 'kvm.switch', p50: 1 }])).toEqual([]);
  });
});
