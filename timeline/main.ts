/** The page of `ringfence trace --html`: a timeline of system calls by task. Whatever a guest said is only ever text. */
import { KINDS } from './colors.js';
import { AXIS_HEIGHT, draw, LANE_HEIGHT } from './draw.js';
import { firstCallAt, formatDuration, parseTrace, type Call, type Lane } from './trace.js';
import { View } from './view.js';

const WHEEL_STEP = 0.0015;
const ZOOM = 0.5;
/** Pixels about the pointer in which a call that is too short to be hit is found. */
const REACH = 3;
/** Pixels that a pointer may move in a click. */
const SLIP = 3;

function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`no ${id}`);
  return found;
}

function describeLane({ tid, pid, parent, programs }: Lane): string {
  const thread = tid === pid ? '' : ` in ${pid}`;
  return `${tid}${thread} ${programs.at(-1) ?? ''}${parent === null ? '' : ` (by ${parent})`}`;
}

function describeCall(lane: Lane, call: Call): string {
  const when = `${formatDuration(call.begin)}, for ${formatDuration(call.end - call.begin)}`;
  const waited = formatDuration(call.end - call.busyEnd);
  return `${lane.tid} at ${when}, of which it waited ${waited}\n${call.name}(${call.args}) = ${call.result}`;
}

function start(): void {
  const timeline = element('timeline', HTMLElement);
  const canvas = element('calls', HTMLCanvasElement);
  const details = element('details', HTMLPreElement);
  const range = element('range', HTMLOutputElement);
  const find = element('find', HTMLInputElement);
  const context = canvas.getContext('2d');
  if (context === null) return;

  const trace = parseTrace(element('trace', HTMLScriptElement).textContent);
  const view = new View(trace.end);
  let chosen: Call | undefined;
  let due = false;

  element('tasks', HTMLOListElement).append(
    ...trace.lanes.map((lane) => {
      const item = document.createElement('li');
      item.textContent = describeLane(lane);
      item.title = lane.programs.join(' → ');
      return item;
    }),
  );
  element('legend', HTMLUListElement).append(
    ...KINDS.map(({ name, color }) => {
      const item = document.createElement('li');
      const patch = document.createElement('span');
      patch.style.background = color;
      item.append(patch, name);
      return item;
    }),
  );

  const redraw = (): void => {
    if (due) return;
    due = true;
    requestAnimationFrame(paint);
  };

  function paint(): void {
    due = false;
    const [width, height] = [canvas.clientWidth, timeline.clientHeight];
    const ratio = window.devicePixelRatio;
    canvas.style.height = `${height}px`;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    context?.scale(ratio, ratio);
    const style = getComputedStyle(document.body);
    const word = find.value.trim();
    const matches = (call: Call): boolean =>
      word === '' || call.name.includes(word) || call.args.includes(word);
    const colors = { text: style.color, faint: '#8886' };
    if (context !== null) {
      const drawing = { trace, view, scroll: timeline.scrollTop, matches, chosen };
      draw(context, width, height, drawing, colors);
    }
    const calls = trace.lanes.reduce((sum, lane) => sum + lane.calls.length, 0);
    range.value = `${formatDuration(view.begin)} – ${formatDuration(view.end)}, ${calls} calls, ${trace.lanes.length} tasks`;
  }

  const timeAt = (event: MouseEvent): number =>
    view.begin + (event.offsetX / canvas.clientWidth) * view.span;

  function callAt(event: MouseEvent): { lane: Lane; call: Call } | undefined {
    const row = Math.floor((event.offsetY - AXIS_HEIGHT + timeline.scrollTop) / LANE_HEIGHT);
    const lane = trace.lanes[row];
    const reach = (REACH / canvas.clientWidth) * view.span;
    const time = timeAt(event);
    if (lane === undefined || event.offsetY < AXIS_HEIGHT) return undefined;
    const call = lane.calls[firstCallAt(lane.calls, time - reach)];
    return call === undefined || call.begin > time + reach ? undefined : { lane, call };
  }

  const zoom = (factor: number, at = (view.begin + view.end) / 2): void => {
    view.zoom(factor, at);
    redraw();
  };
  const move = (share: number): void => {
    view.move(view.span * share);
    redraw();
  };
  const showAll = (): void => {
    view.showAll();
    redraw();
  };

  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      if (event.shiftKey) move((event.deltaY || event.deltaX) / canvas.clientWidth);
      else zoom(Math.exp(event.deltaY * WHEEL_STEP), timeAt(event));
    },
    { passive: false },
  );

  let moved = 0;
  canvas.addEventListener('pointerdown', (event) => {
    moved = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (event.buttons === 1) {
      moved += Math.abs(event.movementX);
      move(-event.movementX / canvas.clientWidth);
    } else if (chosen === undefined) {
      const found = callAt(event);
      if (found !== undefined) details.textContent = describeCall(found.lane, found.call);
    }
  });
  canvas.addEventListener('click', (event) => {
    if (moved > SLIP) return;
    const found = callAt(event);
    chosen = found?.call;
    if (found !== undefined) details.textContent = describeCall(found.lane, found.call);
    redraw();
  });
  canvas.addEventListener('dblclick', (event) => {
    zoom(ZOOM, timeAt(event));
  });

  const keys: Readonly<Record<string, () => void>> = {
    '+': () => zoom(ZOOM),
    '-': () => zoom(1 / ZOOM),
    '0': showAll,
    ArrowLeft: () => move(-0.1),
    ArrowRight: () => move(0.1),
  };
  timeline.addEventListener('keydown', (event) => {
    keys[event.key]?.();
  });
  element('closer', HTMLButtonElement).addEventListener('click', () => zoom(ZOOM));
  element('farther', HTMLButtonElement).addEventListener('click', () => zoom(1 / ZOOM));
  element('whole', HTMLButtonElement).addEventListener('click', showAll);
  find.addEventListener('input', redraw);
  timeline.addEventListener('scroll', redraw);
  new ResizeObserver(redraw).observe(timeline);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  redraw();
}

// This stands in front of the trace, so that also a page whose end was never written can be looked at.
document.addEventListener('DOMContentLoaded', start);
