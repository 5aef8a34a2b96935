// The chart of readings: one bar from diastolic to systolic for each, the line of mean arterial pressure, and behind
// them nights, targets, crisis lines and gaps. Nothing is drawn across a gap and no pressure is ever predicted.
import * as draw from "./drawing.js";
import { frame } from "./frame.js";

const HEIGHT_PX = 340;
const COLOURS = ["bar", "before", "crisis", "mean", "night", "target", "gap", "gap-ink", "grid", "ink", "high", "medium", "border"];
const MARK_PX = 8;

export function makePressureChart(mount, data, clock, texts) {
  const colours = draw.readColours(mount, COLOURS);
  const plot = new window.uPlot(options(mount, data, clock, texts, colours), series(data), mount);
  return { plot, times: data.columns.t, describe: (index) => describe(data, clock, texts, index), series: () => series(data) };
}

function series({ columns }) {
  return [columns.t, columns.mean_arterial_pressure];
}

function options(mount, data, clock, texts, colours) {
  return frame(mount, data, clock, texts, colours, {
    height: HEIGHT_PX,
    range: heights(data),
    axis: { label: texts.pressure_axis },
    series: { stroke: colours.mean, width: 2, spanGaps: false, points: { show: false } },
    hooks: {
      drawClear: [(plot) => draw.inside(plot, (ctx) => drawBehind(plot, ctx, data, colours))],
      drawAxes: [(plot) => draw.inside(plot, (ctx) => drawReadings(plot, ctx, data, colours))],
      draw: [(plot) => draw.inside(plot, (ctx) => drawMarks(plot, ctx, data, texts, colours)), (plot) => nameLimits(plot, data, colours)],
    },
  });
}

// The crisis lines always stay in sight.
function heights({ columns, crisis, before }) {
  const known = (values) => (values ?? []).filter((value) => value !== null && value !== undefined);
  const highest = Math.max(crisis.systolic, ...known(columns.systolic), ...known(columns.systolic_max), ...known(before?.systolic));
  const lowest = Math.min(50, ...known(columns.diastolic), ...known(columns.diastolic_min), ...known(before?.diastolic));
  return [Math.floor((lowest - 5) / 10) * 10, Math.ceil((highest + 12) / 10) * 10];
}

function drawBehind(plot, ctx, data, colours) {
  draw.shadeTimes(plot, ctx, data.nights, colours.night);
  for (const target of data.targets) draw.shadeValues(plot, ctx, target, colours.target);
  draw.hatchTimes(plot, ctx, data.gaps, colours["gap-ink"]);
  if (!data.before) return;
  for (const name of ["systolic", "diastolic"]) draw.polyline(plot, ctx, data.before.t, data.before[name], colours.before);
}

function drawReadings(plot, ctx, data, colours) {
  const line = { colour: colours.crisis, dash: [7, 4] }; // over the grid, under the readings
  for (const limit of Object.values(data.crisis)) draw.lineAt(plot, ctx, limit, line);
  drawBars(plot, ctx, data, colours);
}

function drawBars(plot, ctx, { columns, start, end, width_s: width }, colours) {
  const room = plot.bbox.width / Math.max(columns.t.length, 1);
  const half = Math.min(Math.max(room * 0.25, draw.pixels(0.5)), draw.pixels(3));
  columns.t.forEach((time, index) => {
    if (columns.systolic[index] === null || time < start || time > end) return;
    const bar = { x: draw.atTime(plot, time + width / 2), half, crisis: columns.crisis[index] };
    ctx.fillStyle = bar.crisis ? colours.crisis : colours.bar;
    if (width) drawSpread(plot, ctx, columns, index, bar);
    drawBar(plot, ctx, columns.systolic[index], columns.diastolic[index], bar);
  });
}

function drawBar(plot, ctx, systolic, diastolic, { x, half, crisis }) {
  const top = draw.atValue(plot, systolic);
  const bottom = draw.atValue(plot, diastolic);
  ctx.fillRect(x - half, top, 2 * half, bottom - top);
  if (!crisis) return;
  const cap = half + draw.pixels(3); // ends as of a bone: a crisis is seen without its colour
  for (const y of [top, bottom]) ctx.fillRect(x - cap, y - draw.pixels(1.5), 2 * cap, draw.pixels(3));
}

// Readings taken together: a thin line from the lowest to the highest pressure.
function drawSpread(plot, ctx, columns, index, { x }) {
  const top = draw.atValue(plot, columns.systolic_max[index]);
  ctx.fillRect(x - draw.pixels(0.5), top, draw.pixels(1), draw.atValue(plot, columns.diastolic_min[index]) - top);
}

function drawMarks(plot, ctx, data, texts, colours) {
  const between = (data.crisis.systolic + data.crisis.diastolic) / 2;
  draw.nameTimes(plot, ctx, data.gaps, between, texts.no_data, { ink: colours["gap-ink"], ground: colours.gap });
  for (const { t, level } of data.alerts ?? []) {
    const y = plot.bbox.top + draw.pixels(MARK_PX + 3);
    draw.shape(ctx, level, draw.atTime(plot, t), y, draw.pixels(MARK_PX), levelColour(level, colours), colours.border);
  }
}

function nameLimits(plot, { crisis }, colours) {
  for (const limit of Object.values(crisis)) draw.nameLine(plot, plot.ctx, limit, String(limit), colours.crisis);
}

export function levelColour(level, colours) {
  return { CRITICAL: colours.crisis, HIGH: colours.high, MEDIUM: colours.medium }[level] ?? colours.gap;
}

function describe({ columns, gaps, width_s: width }, clock, texts, index) {
  const time = columns.t[index];
  if (columns.systolic[index] === null) return describeGap(gaps, clock, texts, time);
  const when = width ? `${clock.moment(time)} – ${clock.time(time + width)}` : clock.moment(time);
  const parts = [
    `${mmhg(columns.systolic[index])}/${mmhg(columns.diastolic[index])} mmHg`,
    `${texts.mean} ${mmhg(columns.mean_arterial_pressure[index])}`,
  ];
  const rate = columns.heart_rate[index];
  if (rate !== null && rate !== undefined) parts.push(`${texts.heart_rate} ${Math.round(rate)}/min`);
  if (width) parts.push(`${texts.readings} ${columns.readings[index]}`);
  if (columns.crisis[index]) parts.push(texts.crisis);
  return `${when}${texts.colon} ${parts.join(", ")}`;
}

// Cut off as on the server: 179.6 is no crisis, and must not read 180.
function mmhg(pressure) {
  return String(Math.floor(pressure));
}

function describeGap(gaps, clock, texts, time) {
  const [since, until] = gaps.find(([from, to]) => from <= time && time <= to) ?? [time, time];
  return `${clock.moment(since)} – ${clock.moment(until)}${texts.colon} ${texts.no_data}`;
}
