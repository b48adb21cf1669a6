/** The trace in the page: a line of JSON for each thing that happened. Times are microseconds from its begin. */
export interface Call {
  readonly begin: number;
  readonly end: number;
  /** Until when its handler worked; from then on it waited. */
  readonly busyEnd: number;
  readonly name: string;
  readonly args: string;
  readonly result: string;
  readonly failed: boolean;
}

export interface Mark {
  readonly time: number;
  readonly text: string;
}

export interface Lane {
  readonly tid: number;
  readonly pid: number;
  readonly parent: number | null;
  /** What it ran, the latest last. */
  readonly programs: string[];
  readonly begin: number;
  end: number | null;
  /** In order of time; no two overlap. */
  readonly calls: Call[];
  /** Signals, and its end. */
  readonly marks: Mark[];
}

export type Line =
  | ['task', tid: number, time: number, pid: number, parent: number | null, program: string]
  | [
      kind: 'call',
      tid: number,
      begin: number,
      end: number,
      busyEnd: number,
      name: string,
      args: string,
      result: string,
      failed: boolean,
    ]
  | ['program', tid: number, name: string]
  | ['mark', tid: number, time: number, text: string]
  | ['end', tid: number, time: number, text: string];

export interface Trace {
  readonly lanes: readonly Lane[];
  /** When the last thing happened. */
  readonly end: number;
}

export function parseTrace(text: string): Trace {
  // A number may be given again to a later task: the latest one has it.
  const current = new Map<number, Lane>();
  const lanes: Lane[] = [];
  let end = 1;
  for (const line of text.split('\n')) {
    const entry = parseLine(line);
    if (entry === undefined) continue;
    if (entry[0] === 'task') {
      const [, tid, begin, pid, parent, program] = entry;
      const lane = {
        tid,
        pid,
        parent,
        programs: [program],
        begin,
        end: null,
        calls: [],
        marks: [],
      };
      current.set(tid, lane);
      lanes.push(lane);
      continue;
    }
    const lane = current.get(entry[1]);
    if (lane !== undefined) end = Math.max(end, add(lane, entry));
  }
  return { lanes, end };
}

/** Nothing where the page was cut off. */
function parseLine(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line;
  } catch {
    return undefined;
  }
}

/** When the entry ended. */
function add(lane: Lane, entry: Exclude<Line, readonly ['task', ...unknown[]]>): number {
  switch (entry[0]) {
    case 'call': {
      const [, , begin, end, busyEnd, name, args, result, failed] = entry;
      lane.calls.push({ begin, end, busyEnd, name, args, result, failed });
      return end;
    }
    case 'program':
      lane.programs.push(entry[2]);
      return 0;
    case 'mark':
    case 'end':
      lane.marks.push({ time: entry[2], text: entry[3] });
      if (entry[0] === 'end') lane.end = entry[2];
      return entry[2];
  }
}

/** Index of the first call that ends at `time` or later. */
export function firstCallAt(calls: readonly Call[], time: number): number {
  let [low, high] = [0, calls.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((calls[middle]?.end ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function formatDuration(microseconds: number): string {
  if (microseconds >= 1e6) return `${(microseconds / 1e6).toFixed(3)} s`;
  if (microseconds >= 1e3) return `${(microseconds / 1e3).toFixed(3)} ms`;
  return `${microseconds.toFixed(1)} µs`;
}
