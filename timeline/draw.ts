/** Draws what a view shows of a trace. */
import { colorOf } from './colors.js';
import { firstCallAt, formatDuration, type Call, type Lane, type Trace } from './trace.js';
import type { View } from './view.js';

export const AXIS_HEIGHT = 24;
export const LANE_HEIGHT = 26;
const BAR_HEIGHT = 18;
const LABEL_WIDTH = 34;
const CHARACTER_WIDTH = 6.2;
const TICK_DISTANCE = 110;

export interface Drawing {
  readonly trace: Trace;
  readonly view: View;
  /** Pixels that the lanes are scrolled up. */
  readonly scroll: number;
  readonly matches: (call: Call) => boolean;
  readonly chosen: Call | undefined;
}

interface Colors {
  readonly text: string;
  readonly faint: string;
}

/** `context` is scaled so that a unit is a pixel of the page. */
export function draw(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  drawing: Drawing,
  colors: Colors,
): void {
  context.clearRect(0, 0, width, height);
  context.font = '11px ui-monospace, monospace';
  context.textBaseline = 'middle';
  drawAxis(context, width, height, drawing.view, colors);
  context.save();
  context.beginPath();
  context.rect(0, AXIS_HEIGHT, width, height - AXIS_HEIGHT);
  context.clip();
  const first = Math.max(0, Math.floor(drawing.scroll / LANE_HEIGHT));
  const count = Math.ceil(height / LANE_HEIGHT) + 1;
  drawing.trace.lanes.slice(first, first + count).forEach((lane, position) => {
    const top = AXIS_HEIGHT + (first + position) * LANE_HEIGHT - drawing.scroll;
    drawLane(context, width, top, lane, drawing, colors);
  });
  context.restore();
}

/** 1, 2 or 5 times a power of ten: what is wide enough between two ticks. */
function tickStep(span: number, width: number): number {
  const least = (span / width) * TICK_DISTANCE;
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((factor) => factor * power >= least) ?? 10) * power;
}

function drawAxis(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  view: View,
  { text, faint }: Colors,
): void {
  const step = tickStep(view.span, width);
  context.strokeStyle = faint;
  context.fillStyle = text;
  for (let time = Math.ceil(view.begin / step) * step; time <= view.end; time += step) {
    const x = Math.round(((time - view.begin) / view.span) * width) + 0.5;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height);
    context.stroke();
    context.fillText(formatDuration(time), x + 3, AXIS_HEIGHT / 2);
  }
}

function drawLane(
  context: CanvasRenderingContext2D,
  width: number,
  top: number,
  lane: Lane,
  drawing: Drawing,
  colors: Colors,
): void {
  const { view, trace } = drawing;
  const x = (time: number): number => ((time - view.begin) / view.span) * width;
  const middle = top + LANE_HEIGHT / 2;
  const [from, to] = [Math.max(0, x(lane.begin)), Math.min(width, x(lane.end ?? trace.end))];
  context.fillStyle = colors.faint;
  if (to > from) context.fillRect(from, middle - 0.5, to - from, 1);
  let drawnTo = -1;
  for (let index = firstCallAt(lane.calls, view.begin); index < lane.calls.length; index++) {
    const call = lane.calls[index];
    if (call === undefined || call.begin > view.end) break;
    // What would hide under the pixel before is left out, so that a long trace is drawn as fast as a short one.
    if (Math.floor(x(call.end)) <= drawnTo && call !== drawing.chosen) continue;
    drawnTo = Math.floor(x(call.end));
    drawCall(context, call, { x, width, top: middle - BAR_HEIGHT / 2 }, drawing, colors);
  }
  context.fillStyle = colors.text;
  for (const { time } of lane.marks) {
    if (time < view.begin || time > view.end) continue;
    context.beginPath();
    context.moveTo(x(time), middle + 4);
    context.lineTo(x(time) - 4, top + LANE_HEIGHT);
    context.lineTo(x(time) + 4, top + LANE_HEIGHT);
    context.fill();
  }
}

interface Place {
  readonly x: (time: number) => number;
  readonly width: number;
  readonly top: number;
}

function drawCall(
  context: CanvasRenderingContext2D,
  call: Call,
  { x, width, top }: Place,
  { matches, chosen }: Drawing,
  colors: Colors,
): void {
  const [begin, end] = [Math.max(-2, x(call.begin)), Math.min(width + 2, x(call.end))];
  const busyEnd = Math.min(end, Math.max(begin, x(call.busyEnd)));
  const length = Math.max(1, end - begin);
  const strength = matches(call) ? 1 : 0.15;
  context.fillStyle = colorOf(call.name);
  context.globalAlpha = strength;
  context.fillRect(begin, top, Math.max(1, busyEnd - begin), BAR_HEIGHT);
  // While it waits a call is pale.
  context.globalAlpha = strength * 0.4;
  if (end > busyEnd) context.fillRect(busyEnd, top, end - busyEnd, BAR_HEIGHT);
  context.globalAlpha = strength;
  if (call.failed) {
    context.fillStyle = '#d00';
    context.fillRect(begin, top + BAR_HEIGHT - 3, length, 3);
  }
  if (call === chosen) {
    context.strokeStyle = colors.text;
    context.strokeRect(begin, top, length, BAR_HEIGHT);
  }
  if (length > LABEL_WIDTH) {
    context.fillStyle = colors.text;
    const most = Math.floor((length - 6) / CHARACTER_WIDTH);
    context.fillText(call.name.slice(0, most), Math.max(begin, 0) + 3, top + BAR_HEIGHT / 2);
  }
  context.globalAlpha = 1;
}
