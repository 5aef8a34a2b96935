// The live board: replaces rows when they change, holds still while somebody points at them, and says what is new.

import { clock, span, startPolling } from "./live.js";
import { installKeys } from "./keys.js";
import { isUrgent, keyOf, merge, parse, rowsOf } from "./board/rows.js";
import { installIdle } from "./board/idle.js";
import { fitTiles } from "./board/wall.js";
import * as sound from "./sound.js";
import { installAcknowledge } from "./acknowledge.js";

const POLL_MS = 500;
const JITTER_MS = 100;
const REPEAT_MS = 10000;
const HOLD_URGENT_MS = 10000; // the longest that something urgent waits for the hand that holds the list
const MOST_HEARD = 5000;

const live = document.getElementById("live");
const list = document.getElementById("board-list");
const pending = document.getElementById("pending");
const urgent = document.getElementById("urgent");
const filter = document.getElementById("board-filter");
const title = document.title;
const words = live.dataset;
const timeOfDay = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium", timeZone: words.zone, hourCycle: "h23" });

let newestAt = Date.parse(live.dataset.newest);
let serverAhead = Date.parse(live.dataset.now) - Date.now();
let waiting = null; // content that comes while the list is held
let isHeld = false;
let isAnswered = false; // what comes next shows what became of the own answer, whatever holds the list
let releaseTimer = 0;
let heard = new Set(rows().map(soundKey));
let heardOutages = new Set(outages());
const unfiltered = new Set(); // what came while a filter was typed and must not be hidden by it

function rows(root = list) {
  return rowsOf(root);
}

function outages(root = list) {
  return [...root.querySelectorAll("[data-outage]")].map((outage) => outage.dataset.outage);
}

// Content

function takeContent(content) {
  const fresh = parse(content);
  const news = announce(fresh);
  if (!isHeld || isAnswered) {
    isAnswered = false;
    return show(fresh);
  }
  waiting = fresh;
  holdBack(news);
}

function show(fresh) {
  const focused = document.activeElement?.closest?.("[data-row]");
  const back = focused && [keyOf(focused), document.activeElement === focused ? null : document.activeElement.className];
  for (const row of rows()) row.hidden = false;
  merge(list, fresh);
  waiting = null;
  clearTimeout(releaseTimer);
  releaseTimer = 0;
  for (const chip of [pending, urgent]) if (chip) chip.hidden = true;
  applyFilter();
  fitTiles(list);
  if (back && !list.contains(document.activeElement)) restoreFocus(...back);
}

function restoreFocus(key, className) {
  const row = rows().find((each) => keyOf(each) === key);
  const within = className && row?.getElementsByClassName(className)[0];
  (within || row)?.focus({ preventScroll: true });
}

// While the list is held each row keeps its place and its values are renewed. Something urgent is named in a red chip,
// and shown after 10 s whoever holds the list.
function holdBack(news) {
  const byKey = new Map(rows(waiting).map((row) => [keyOf(row), row]));
  for (const row of rows()) {
    const next = byKey.get(keyOf(row));
    if (!next) row.classList.add("is-leaving");
    else if (!row.contains(document.activeElement)) row.replaceWith(next.cloneNode(true));
  }
  for (const id of ["board-counts", "board-outages"]) {
    document.getElementById(id).replaceWith(waiting.querySelector(`#${id}`).cloneNode(true));
  }
  applyFilter();
  const moved = countMoved(waiting);
  pending.hidden = moved === 0 || !urgent.hidden;
  pending.textContent = moved === 1 ? pending.dataset.one : pending.dataset.many.replace("{n}", moved);
  if (news.length) {
    urgent.textContent = urgent.dataset.text.replace("{names}", news.map(nameOf).join(", "));
    urgent.hidden = false;
    pending.hidden = true;
    if (!releaseTimer) releaseTimer = setTimeout(() => waiting && show(waiting), HOLD_URGENT_MS);
  }
}

function nameOf(row) {
  return `${row.dataset.patient} ${row.querySelector(".pressure, .tile-pressure")?.textContent.trim() ?? ""}`.trim();
}

function countMoved(fresh) {
  const place = (root) => new Map(rows(root).map((row, index) => [keyOf(row), `${row.dataset.urgency} ${index}`]));
  const before = place(list);
  const after = place(fresh);
  const sameSection = (one, other) => one?.split(" ")[0] === other?.split(" ")[0];
  const ids = new Set([...before.keys(), ...after.keys()]);
  const moved = [...ids].filter((id) => !sameSection(before.get(id), after.get(id)));
  if (moved.length) return moved.length;
  return [...ids].some((id) => before.get(id) !== after.get(id)) ? 1 : 0;
}

function hold(on) {
  isHeld = on;
  list.classList.toggle("is-held", on);
  if (!on && waiting) show(waiting);
}

function watchHold() {
  let pointed = false;
  const chips = [pending, urgent];
  const settle = () => hold(pointed || list.contains(document.activeElement));
  list.addEventListener("pointerenter", (event) => {
    pointed = event.pointerType === "mouse";
    settle();
  });
  for (const place of [list, ...chips]) {
    place.addEventListener("pointerleave", ({ relatedTarget: to }) => {
      pointed = pointed && (chips.includes(to) || list.contains(to)); // the way from the list to its chip
      settle();
    });
  }
  list.addEventListener("focusin", settle);
  list.addEventListener("focusout", () => setTimeout(settle));
  for (const chip of chips) chip.addEventListener("click", () => waiting && show(waiting));
}

// What is new

// Sounds and tells what nobody has heard yet; returns the urgent rows among it.
function announce(fresh) {
  const all = rows(fresh);
  const due = all.filter((row) => row.dataset.due === "1" && !heard.has(soundKey(row)));
  const news = due.filter(isUrgent);
  const lost = outages(fresh).filter((outage) => !heardOutages.has(outage));
  if (news.length) {
    document.getElementById("announce").textContent = `${words.critical}: ${news.map(nameOf).join(", ")}`;
  }
  if (lost.length) sound.playLost();
  else if (news.some((row) => row.dataset.urgency === "CRITICAL")) sound.playCritical();
  else if (news.length) sound.playHigh();
  else if (due.some((row) => row.dataset.kind === "silence")) sound.playStale();
  if (filter?.value.trim()) for (const row of news) unfiltered.add(keyOf(row));
  if (heard.size > MOST_HEARD) heard = new Set(all.filter((row) => !due.includes(row)).map(soundKey));
  for (const row of all) heard.add(soundKey(row));
  heardOutages = new Set(outages(fresh));
  tellCounts(fresh.querySelector("#board-counts"));
  return news;
}

// An alert that has become overdue is news once more.
function soundKey(row) {
  return row.dataset.alert + (row.dataset.late === "1" ? " late" : "");
}

function tellCounts(counts) {
  const { critical, unanswered } = counts.dataset;
  document.title = (critical === "0" ? "" : `(${critical}) `) + title;
  const status = document.getElementById("status");
  const text = status.dataset.text.replace("{critical}", critical).replace("{due}", unanswered);
  if (status.textContent !== text) status.textContent = text;
}

setInterval(() => {
  const due = rows().some((row) => row.dataset.urgency === "CRITICAL" && row.dataset.due === "1");
  if (outages().length) sound.playLost();
  else if (due) sound.playCritical();
}, REPEAT_MS);

// Is it current?

function takeState(state, silent) {
  const lost = document.getElementById("lost");
  toggle(lost, state === "lost");
  toggle(document.getElementById("store-down"), state === "store-down");
  if (state === "lost") lost.textContent = lost.dataset.text.replace("{age}", clock(silent));
  document.body.classList.toggle("is-frozen", state !== "ok");
}

function toggle(element, on) {
  if (element.hidden === on) element.hidden = !on;
}

function takeAnswer(headers) {
  newestAt = Date.parse(headers.get("X-Newest"));
  const sent = Date.parse(headers.get("Date"));
  if (sent) serverAhead = sent - Date.now();
  idle.take(headers.get("X-Idle-In"));
}

function tick() {
  const now = Date.now() + serverAhead;
  document.getElementById("live-clock").textContent = timeOfDay.format(now);
  const age = document.getElementById("live-age");
  age.textContent = newestAt ? words.ago.replace("{age}", span(now - newestAt, words)) : words.none;
  const banner = document.getElementById("no-news");
  const isOld = Boolean(newestAt) && now - newestAt > Number(words.staleS) * 1000;
  toggle(banner, isOld);
  if (isOld) banner.textContent = banner.dataset.text.replace("{age}", span(now - newestAt, words));
}

// Filter and keys

function applyFilter() {
  if (!filter) return;
  const wanted = filter.value.trim().toLowerCase();
  if (!wanted) unfiltered.clear();
  for (const row of rows()) {
    row.hidden = !row.dataset.patient.toLowerCase().includes(wanted) && !unfiltered.has(keyOf(row));
  }
  const note = document.getElementById("filter-note");
  const hidden = rows().filter((row) => row.hidden && row.dataset.urgency === "CRITICAL").length;
  note.hidden = hidden === 0;
  const text = hidden === 1 ? note.dataset.one : note.dataset.many.replace("{n}", hidden);
  if (!note.hidden && note.textContent !== text) note.textContent = text;
  const nobody = document.getElementById("filter-nobody");
  nobody.hidden = !wanted || rows().some((row) => !row.hidden);
  nobody.querySelector("a").href = `/patients?q=${encodeURIComponent(filter.value.trim())}`;
}

function step(by) {
  const shown = rows().filter((row) => !row.hidden);
  const at = shown.indexOf(document.activeElement?.closest?.("[data-row]"));
  const next = at < 0 ? (by > 0 ? 0 : shown.length - 1) : at + by;
  shown[Math.min(shown.length - 1, Math.max(0, next))]?.focus();
}

function clickIn(selector) {
  return () => {
    const row = document.activeElement?.closest?.("[data-row]");
    const target = row?.querySelector(selector);
    if (!target || (selector === ".patient" && document.activeElement !== row)) return false;
    target.click();
    return true;
  };
}

const idle = installIdle();
const polling = startPolling({
  url: () => `/board/rows${location.search}`,
  onContent: takeContent,
  onAnswer: takeAnswer,
  onState: takeState,
  every: POLL_MS,
  jitter: JITTER_MS,
});

installKeys({
  j: () => step(1),
  k: () => step(-1),
  a: clickIn(".button-acknowledge"),
  Enter: clickIn(".patient"),
  "/": () => filter?.focus(),
});
if (pending) watchHold();
filter?.addEventListener("input", applyFilter);
document.getElementById("filter-note")?.addEventListener("click", () => {
  filter.value = "";
  applyFilter();
});
installAcknowledge(list, () => {
  isAnswered = true;
  hold(false);
  polling.forget();
});
tellCounts(document.getElementById("board-counts"));
fitTiles(list);
tick();
setInterval(tick, 1000);
