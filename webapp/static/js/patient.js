// The page of one patient: draws the charts and keeps the changing parts fresh while the page is open.
import { installAcknowledge } from "./acknowledge.js";
import { makeClock } from "./chart/clock.js";
import { followCursor } from "./chart/cursor.js";
import { makePressureChart } from "./chart/pressures.js";
import { makeRiskTimeline } from "./chart/risks.js";
import { clock as elapsed, startPolling } from "./live.js";

const PAPER_PX = 700; // the width of a page of A4 between its margins, at 96 px an inch
const MAKERS = { pressures: makePressureChart, risks: makeRiskTimeline };

const page = document.getElementById("patient");
const charts = document.getElementById("charts");
const clock = makeClock(document.documentElement.lang, charts?.dataset.zone);
const drawn = {};
const cursors = {};
let chartTag = null;

// Draws what is new; the data's entity tag says whether anything is.
async function refreshCharts() {
  if (!charts) return;
  const headers = chartTag ? { "If-None-Match": chartTag } : {};
  const response = await fetch(charts.dataset.source, { headers, cache: "no-store" });
  if (response.status !== 200) return;
  const { pressures, timeline, texts } = await response.json();
  chartTag = response.headers.get("ETag");
  show("pressures", pressures, texts);
  show("risks", timeline, texts);
}

function show(name, data, texts) {
  const mount = document.getElementById(name);
  if (!mount || !data) return;
  drawn[name]?.plot.destroy();
  drawn[name] = MAKERS[name](mount, data, clock, texts);
  document.getElementById(`${name}-sentence`).textContent = data.sentence;
  if (name in cursors) {
    cursors[name].restore();
    return;
  }
  cursors[name] = followCursor(mount, document.getElementById(`${name}-status`), () => drawn[name]);
  new ResizeObserver(() => fit(mount, drawn[name].plot)).observe(mount);
}

function fit(mount, plot) {
  if (mount.clientWidth && mount.clientWidth !== plot.width) plot.setSize({ width: mount.clientWidth, height: plot.height });
}

// A canvas does not flow as text does: for paper it is drawn again in the width of a page.
function fitAll(width) {
  for (const { plot } of Object.values(drawn)) plot.setSize({ width: width ?? plot.root.parentElement.clientWidth, height: plot.height });
}

// Replaces each part of the page by its new form, unless somebody is at work in it.
function takeParts(content) {
  const fresh = new DOMParser().parseFromString(content, "text/html");
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const old = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (old && !isBusy(old) && old.outerHTML !== part.outerHTML) old.replaceWith(document.adoptNode(part));
  }
}

function isBusy(part) {
  return part.contains(document.activeElement) || part.querySelector("details[open]") !== null;
}

function showState(state, silentMs) {
  page.classList.toggle("is-frozen", state !== "ok");
  document.getElementById("store-down").hidden = state !== "store-down";
  document.getElementById("lost-link").hidden = state !== "lost";
  document.getElementById("lost-since").textContent = elapsed(silentMs);
}

// Judging an alert without leaving the page; without this script the form leads to a page.
page.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-answer]")) return;
  event.preventDefault();
  try {
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    document.getElementById("outcome").textContent = (await response.json()).text;
  } catch {
    location.reload(); // the page tells what is wrong
    return;
  }
  for (const details of page.querySelectorAll('[data-part="alerts"] details')) details.open = false;
  document.getElementById("outcome").focus();
  poller.forget();
});

window.addEventListener("beforeprint", () => fitAll(PAPER_PX));
window.addEventListener("afterprint", () => fitAll());

const poller = startPolling({
  url: () => page.dataset.live,
  onContent: (content) => {
    takeParts(content);
    refreshCharts();
  },
  onState: showState,
});
installAcknowledge(page, () => poller.forget());
refreshCharts();
