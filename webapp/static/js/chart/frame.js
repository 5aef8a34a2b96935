// What both charts of a patient have in common: time below in the site's zone, the page's colours, no legend of uPlot's
// own (the page has one), and a cursor that only marks an instant.
import * as draw from "./drawing.js";

const GUTTER_PX = 34; // right of both charts: what the lines across them mean stands there, on no reading
const AXIS_PX = 52; // the same for both charts, so that an instant stands at one place in both

// `parts`: height, range and axis of the values, series, hooks.
export function frame(mount, data, clock, texts, colours, { height, range, axis, series, hooks }) {
  const grid = { stroke: colours.grid, width: 1 };
  const timeAxis = { values: (_, splits) => clock.axis(splits), grid: { show: false }, size: 46, label: texts.time_axis, labelSize: 18 };
  return {
    width: mount.clientWidth,
    height,
    tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), clock.zone),
    legend: { show: false },
    padding: [null, GUTTER_PX, null, null],
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: { x: { range: draw.timeRange(data) }, y: { range } },
    axes: [timeAxis, { grid, labelSize: 20, size: AXIS_PX, ...axis }].map((one) => ({ stroke: colours.ink, ticks: grid, ...one })),
    series: [{}, series],
    hooks,
  };
}
