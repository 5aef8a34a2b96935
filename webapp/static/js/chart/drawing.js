// Small steps of drawing on a uPlot canvas. Times are seconds since the epoch; `plot` is a uPlot instance.

const LABEL_SIZE_PX = 12;
const ROUND = 32; // corners that look like a circle

// The colours of the page's style sheet, so that they are spelled once.
export function readColours(element, names) {
  const style = getComputedStyle(element);
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--chart-${name}`).trim()]));
}

export function pixels(length) {
  return length * devicePixelRatio;
}

// Draws inside the plotting area only, and leaves the canvas as it was.
export function inside(plot, draw) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw(ctx, bbox);
  ctx.restore();
}

// The time shown, with a little room after the end, so that the newest reading is not cut.
export function timeRange({ start, end }) {
  return [start, end + (end - start) / 120];
}

export function atTime(plot, time) {
  return plot.valToPos(time, "x", true);
}

export function atValue(plot, value) {
  return plot.valToPos(value, "y", true);
}

export function shadeTimes(plot, ctx, intervals, colour) {
  ctx.fillStyle = colour;
  for (const [since, until] of intervals) {
    const left = atTime(plot, since);
    ctx.fillRect(left, plot.bbox.top, atTime(plot, until) - left, plot.bbox.height);
  }
}

export function shadeValues(plot, ctx, [lowest, highest], colour) {
  const top = atValue(plot, highest);
  ctx.fillStyle = colour;
  ctx.fillRect(plot.bbox.left, top, plot.bbox.width, atValue(plot, lowest) - top);
}

// Slanted lines over times of which nothing is known.
export function hatchTimes(plot, ctx, intervals, ink) {
  const { top, height } = plot.bbox;
  for (const [from, to] of shownParts(plot, intervals)) hatch(ctx, from, top, to - from, height, ink);
}

// A word on each of these times, at the height of `value` where no line runs; none where there is no room for it.
export function nameTimes(plot, ctx, intervals, value, word, colours) {
  const y = atValue(plot, value);
  for (const [from, to] of shownParts(plot, intervals)) writeInside(ctx, word, { x: (from + to) / 2, y, width: to - from }, colours);
}

function shownParts(plot, intervals) {
  const { left, width } = plot.bbox;
  return intervals.map(([since, until]) => [Math.max(atTime(plot, since), left), Math.min(atTime(plot, until), left + width)]);
}

function hatch(ctx, left, top, width, height, ink) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.strokeStyle = ink;
  ctx.lineWidth = pixels(0.75);
  ctx.beginPath();
  for (let x = left - height; x < left + width; x += pixels(8)) {
    ctx.moveTo(x, top + height);
    ctx.lineTo(x + height, top);
  }
  ctx.stroke();
  ctx.restore();
}

function writeInside(ctx, word, { x, y, width }, { ground, ink }) {
  ctx.font = font("600");
  const [long, high] = [ctx.measureText(word).width + pixels(12), pixels(20)];
  if (long > width) return;
  ctx.fillStyle = ground;
  ctx.fillRect(x - long / 2, y - high / 2, long, high);
  ctx.fillStyle = ink;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(word, x, y);
}

export function font(weight = "400") {
  return `${weight} ${pixels(LABEL_SIZE_PX)}px ${getComputedStyle(document.body).fontFamily}`;
}

export function lineAt(plot, ctx, value, { colour, dash = [], width = 1.5 }) {
  const y = atValue(plot, value);
  ctx.strokeStyle = colour;
  ctx.lineWidth = pixels(width);
  ctx.setLineDash(dash.map(pixels));
  ctx.beginPath();
  ctx.moveTo(plot.bbox.left, y);
  ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
  ctx.stroke();
  ctx.setLineDash([]);
}

// A line through values over time, broken where one is null.
export function polyline(plot, ctx, times, values, colour) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = pixels(2);
  ctx.beginPath();
  times.forEach((time, index) => {
    if (values[index] === null) return;
    const follows = index > 0 && values[index - 1] !== null;
    ctx[follows ? "lineTo" : "moveTo"](atTime(plot, time), atValue(plot, values[index]));
  });
  ctx.stroke();
}

// The name of a line, right of its end, outside the drawing.
export function nameLine(plot, ctx, value, word, ink) {
  ctx.font = font("600");
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillStyle = ink;
  ctx.fillText(word, plot.bbox.left + plot.bbox.width + pixels(5), atValue(plot, value));
}

// The shapes of the levels, as on the badges: a mark is known without its colour. Lost data are a clock.
export function shape(ctx, level, x, y, size, fill, border) {
  const corners = { CRITICAL: 8, HIGH: 3, MEDIUM: 4 }[level] ?? ROUND;
  const turn = level === "CRITICAL" ? Math.PI / 8 : -Math.PI / 2;
  ctx.beginPath();
  for (let corner = 0; corner < corners; corner += 1) {
    const angle = turn + (corner * 2 * Math.PI) / corners;
    ctx.lineTo(x + size * Math.cos(angle), y + size * Math.sin(angle));
  }
  ctx.closePath();
  ctx.fillStyle = fill;
  ctx.fill();
  ctx.strokeStyle = border;
  ctx.lineWidth = pixels(1.5);
  if (corners === ROUND) {
    ctx.moveTo(x, y - size * 0.6);
    ctx.lineTo(x, y);
    ctx.lineTo(x + size * 0.45, y + size * 0.3);
  }
  ctx.stroke();
}

// A tick: an alert was acknowledged.
export function tick(ctx, x, y, size, colour) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = pixels(2.5);
  ctx.beginPath();
  ctx.moveTo(x - size, y);
  ctx.lineTo(x - size / 4, y + size * 0.75);
  ctx.lineTo(x + size, y - size * 0.75);
  ctx.stroke();
}
