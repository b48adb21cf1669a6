import { describe, expect, it } from 'vitest';

import { draw } from '../../bench/chart.js';
import type { Report, Result } from '../../bench/report.js';

const result = (name: string, p50: number): Result => ({
  name,
  unit: 'µs',
  group: 'work',
  p10: p50,
  p50,
  p90: p50,
  n: 1,
});

const report = (results: readonly Result[], cpu = 'a CPU'): Report => ({
  host: { class: 'hardware', cpu, cpus: 2, kernel: '6.1', load: 0 },
  quick: false,
  results,
  leftOut: [],
  failed: [],
  bars: [],
});

const widths = (svg: string): readonly number[] =>
  [...svg.matchAll(/<rect x=.* width="([\d.]+)" height="12"/g)].map((match) => Number(match[1]));

describe('the chart', () => {
  it('draws bars of one group in proportion, from zero', () => {
    const [native = NaN, kvm = NaN] = widths(
      draw(report([result('work.native', 10), result('work.kvm', 40)])),
    );
    expect(native).toBeGreaterThan(0);
    expect(kvm / native).toBeCloseTo(4, 1);
  });

  it('tells each as a multiple of the native one', () => {
    const svg = draw(report([result('work.native', 10), result('work.kvm', 40)]));
    expect(svg).toContain('>10 µs<');
    expect(svg).toContain('>40 µs, 4 × native<');
  });

  it('keeps what the host is called from becoming an element', () => {
    const svg = draw(report([result('work.kvm', 1)], '<b>&"'));
    expect(svg).toContain('&#60;b&#62;&#38;&#34;');
    expect(svg).not.toContain('<b>');
  });

  it('draws less than nothing as nothing', () => {
    expect(widths(draw(report([result('work.kvm', -5), result('work.ptrace', 5)])))[0]).toBe(1);
  });
});
