/**
 * The report as a picture (SVG 1.1): a panel a group, a bar a row, as long as its median. Each panel has a scale of its
 * own, from zero, so that bars of one panel compare by their lengths. A thin line goes from p10 to p90.
 */
import { groupBy } from './group-by.js';
import type { Report, Result } from './report.js';
import { caution, hostLine } from './text.js';
import { splitName } from './ways.js';

const WIDTH = 860;
const MARGIN = 24;
const LABELS = 180;
const VALUES = 190;
const SCALE = WIDTH - 2 * MARGIN - LABELS - VALUES;
const LINE = 18;
const BAR = 12;
const TITLE = 30;
const HEAD = 76;

const COLOURS = {
  native: '#59a14f',
  ptrace: '#e0a43a',
  kvm: '#9ebcd8',
  'kvm-exitless': '#2f6db0',
} as const;

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

function colourOf(name: string): string {
  const way = splitName(name)?.way;
  if (way !== undefined) return COLOURS[way];
  if (name.includes('.raw')) return '#b0b0b0';
  if (name.startsWith('ptrace.')) return COLOURS.ptrace;
  return COLOURS[name.startsWith('kvm.exitless') ? 'kvm-exitless' : 'kvm'];
}

const text = (x: number, y: number, content: string, kind = ''): string =>
  `<text x="${x}" y="${y}"${kind === '' ? '' : ` class="${kind}"`}>${escape(content)}</text>`;

const round = (value: number): number => Number(value.toFixed(1));

/** The label of a bar, where its panel has the same name: the way alone. */
const labelOf = ({ name, group }: Result): string => {
  const parts = splitName(name);
  return parts?.workload === group ? parts.way : name;
};

function bar(result: Result, y: number, most: number, base: number | undefined): string {
  // Memory given back elsewhere can make what a sandbox holds less than nothing.
  const at = (value: number): number => round((Math.max(0, value) / most) * SCALE);
  const x = MARGIN + LABELS;
  const middle = y + BAR / 2;
  const { p10, p50, p90, unit } = result;
  const times = base === undefined ? '' : `, ${Number((p50 / base).toPrecision(3))} × native`;
  return [
    `<g id="${escape(result.name)}">`,
    text(MARGIN, y + BAR - 2, labelOf(result)),
    `<rect x="${x}" y="${y}" width="${Math.max(1, at(p50))}" height="${BAR}" fill="${colourOf(result.name)}"/>`,
    `<path d="M${x + at(p10)} ${middle}H${x + at(p90)}" stroke="#222"/>`,
    text(x + Math.max(at(p50), at(p90)) + 6, y + BAR - 2, `${p50} ${unit}${times}`),
    '</g>',
  ].join('');
}

/** Bars of one group; what is beside a native row is told as a multiple of it as well. */
function panel(name: string, results: readonly Result[], top: number): string {
  const most = Math.max(...results.map(({ p50, p90 }) => Math.max(p50, p90)), Number.MIN_VALUE);
  const native = results.find((result) => splitName(result.name)?.way === 'native');
  return [
    text(MARGIN, top + TITLE - 10, name, 'title'),
    ...results.map((result, i) =>
      bar(result, top + TITLE + i * LINE, most, result === native ? undefined : native?.p50),
    ),
  ].join('\n');
}

const STYLE = 'text{font:12px sans-serif;fill:#222}.title{font-weight:bold}.head{font-size:16px}';

export function draw(report: Report): string {
  const panels: string[] = [];
  let top = HEAD;
  for (const [name, results] of groupBy(report.results, ({ group }) => group)) {
    panels.push(panel(name, results, top));
    top += TITLE + results.length * LINE;
  }
  const height = top + MARGIN;
  const note = caution(report);
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">
<style>${STYLE}</style>
<rect width="100%" height="100%" fill="#fff"/>
${text(MARGIN, 30, 'What Ringfence costs: medians, shorter is better', 'head')}
${text(MARGIN, 50, hostLine(report))}
${text(MARGIN, 68, note ?? 'The line in a bar goes from the tenth to the ninetieth percentile.')}
${panels.join('\n')}
</svg>
`;
}
