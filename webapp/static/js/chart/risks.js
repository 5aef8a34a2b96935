// The timeline of the last 24 h: the 6 h risk of each prediction as a column in the colour of its level, the thresholds,
// when alerts began and when they were acknowledged.
import * as draw from "./drawing.js";
import { frame } from "./frame.js";
import { levelColour } from "./pressures.js";

const HEIGHT_PX = 190;
const COLOURS = ["crisis", "high", "medium", "low", "gap", "gap-ink", "grid", "ink", "border"];
const MARK_PX = 8;

export function makeRiskTimeline(mount, data, clock, texts) {
  const colours = draw.readColours(mount, COLOURS);
  const plot = new window.uPlot(options(mount, data, clock, texts, colours), series(data), mount);
  return { plot, times: data.steps.t, describe: (index) => describe(data, clock, texts, index), series: () => series(data) };
}

function series({ steps }) {
  return [steps.t, steps.risk];
}

function options(mount, data, clock, texts, colours) {
  return frame(mount, data, clock, texts, colours, {
    height: HEIGHT_PX,
    range: [0, 1],
    axis: {
      label: texts.risk_axis,
      splits: () => [0, ...data.thresholds, 1],
      values: (_, splits) => splits.map((risk) => `${Math.round(risk * 100)} %`),
      grid: { show: false },
    },
    series: { stroke: colours.ink, width: 0, paths: () => null, points: { show: false } },
    hooks: {
      drawClear: [(plot) => draw.inside(plot, (ctx) => drawSteps(plot, ctx, data, colours))],
      draw: [(plot) => draw.inside(plot, (ctx) => drawMarks(plot, ctx, data, texts, colours)), (plot) => nameThresholds(plot, data, colours)],
    },
  });
}

function drawSteps(plot, ctx, data, colours) {
  draw.hatchTimes(plot, ctx, data.gaps, colours["gap-ink"]);
  const { t, until, risk, level } = data.steps;
  const bottom = draw.atValue(plot, 0);
  t.forEach((time, index) => {
    const left = draw.atTime(plot, time);
    const top = draw.atValue(plot, risk[index]);
    const width = Math.max(draw.atTime(plot, until[index]) - left, draw.pixels(1));
    ctx.fillStyle = level[index] === "LOW" ? colours.low : levelColour(level[index], colours);
    ctx.fillRect(left, top, width, bottom - top);
    ctx.fillStyle = colours.ink;
    ctx.fillRect(left, top - draw.pixels(1), width, draw.pixels(2));
  });
  for (const threshold of data.thresholds) draw.lineAt(plot, ctx, threshold, { colour: colours.border, dash: [2, 3], width: 1 });
}

function drawMarks(plot, ctx, { alerts, acknowledgements, gaps, thresholds }, texts, colours) {
  const lowMiddle = thresholds[0] / 2; // where neither a threshold runs nor a mark stands
  draw.nameTimes(plot, ctx, gaps, lowMiddle, texts.no_prediction, { ink: colours["gap-ink"], ground: colours.gap });
  const y = plot.bbox.top + draw.pixels(MARK_PX + 3);
  for (const { t, level } of alerts ?? []) {
    draw.shape(ctx, level, draw.atTime(plot, t), y, draw.pixels(MARK_PX), levelColour(level, colours), colours.border);
  }
  for (const { t } of acknowledgements ?? []) draw.tick(ctx, draw.atTime(plot, t), y, draw.pixels(MARK_PX), colours.ink);
}

// The shape of each level where it begins; the legend below names them.
function nameThresholds(plot, { thresholds, levels }, colours) {
  const x = plot.bbox.left + plot.bbox.width + draw.pixels(2 * MARK_PX);
  thresholds.forEach((threshold, index) => {
    const level = levels[index + 1];
    draw.shape(plot.ctx, level, x, draw.atValue(plot, threshold), draw.pixels(MARK_PX - 1), levelColour(level, colours), colours.border);
  });
}

function describe({ steps, levels }, clock, texts, index) {
  const level = texts.levels[levels.indexOf(steps.level[index])] ?? steps.level[index];
  return `${clock.moment(steps.t[index])}${texts.colon} ${percent(steps.risk[index])} ${level}`;
}

// Cut off, never rounded up: the same rule as on the server. Risks are stored with six decimals.
export function percent(risk) {
  return `${Math.floor(Math.round(risk * 1e6) / 1e4)}\u00a0%`;
}
