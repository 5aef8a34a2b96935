// The live board: replaces rows when they change, holds still while somebody points at them, and says what is new.

import { clock, span, startPolling } from "./live.js";
import { installKeys } from "./keys.js";
import * as sound from "./sound.js";
import { installAcknowledge } from "./acknowledge.js";

const REPEAT_MS = 10000;

const live = document.getElementById("live");
const list = document.getElementById("board-list");
const pending = document.getElementById("pending");
const filter = document.getElementById("board-filter");
const title = document.title;
const words = live.dataset;
const timeOfDay = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium", timeZone: words.zone, hourCycle: "h23" });

let newestAt = Date.parse(live.dataset.newest);
let serverAhead = Date.parse(live.dataset.now) - Date.now();
let waiting = null; // content that comes while the list is held
let isHeld = false;
let heardAlerts = new Set(rows().map((row) => row.dataset.alert));
let knownStale = new Set(rows().filter(isStale).map((row) => row.dataset.patient));

function rows(root = list) {
  return [...root.querySelectorAll("[data-patient]")];
}

// What a row is known by: a patient may have a second one, for a reading that was refused.
function keyOf(row) {
  return row.dataset.row ?? row.dataset.patient;
}

function isStale(row) {
  return row.classList.contains("is-stale");
}

function parse(content) {
  const holder = document.createElement("div");
  holder.append(document.createRange().createContextualFragment(content));
  return holder;
}

// Content

function takeContent(content) {
  const fresh = parse(content);
  announce(fresh);
  if (!isHeld) return show(fresh);
  waiting = fresh;
  replaceInPlace(fresh);
  const moved = countMoved(fresh);
  pending.hidden = moved === 0;
  pending.textContent = moved === 1 ? pending.dataset.one : pending.dataset.many.replace("{n}", moved);
}

function show(fresh) {
  const focused = document.activeElement?.closest?.("[data-patient]");
  const back = focused && [keyOf(focused), document.activeElement === focused ? null : document.activeElement.className];
  list.replaceChildren(...fresh.childNodes);
  waiting = null;
  if (pending) pending.hidden = true;
  applyFilter();
  if (back) restoreFocus(...back);
}

function restoreFocus(key, className) {
  const row = rows().find((one) => keyOf(one) === key);
  const within = className && row?.getElementsByClassName(className)[0];
  (within || row)?.focus({ preventScroll: true });
}

// While the list is held each row keeps its place; its values are renewed unless the focus is in it.
function replaceInPlace(fresh) {
  const byKey = new Map(rows(fresh).map((row) => [keyOf(row), row]));
  for (const row of rows()) {
    const next = byKey.get(keyOf(row));
    if (!next) row.classList.add("is-leaving");
    else if (!row.contains(document.activeElement)) row.replaceWith(next.cloneNode(true));
  }
  list.querySelector("#board-counts").replaceWith(fresh.querySelector("#board-counts").cloneNode(true));
  applyFilter();
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
  const settle = () => hold(pointed || list.contains(document.activeElement));
  list.addEventListener("pointerenter", (event) => {
    pointed = event.pointerType === "mouse";
    settle();
  });
  for (const place of [list, pending]) {
    place.addEventListener("pointerleave", ({ relatedTarget: to }) => {
      pointed = pointed && (to === pending || list.contains(to)); // the way from the list to its chip
      settle();
    });
  }
  list.addEventListener("focusin", settle);
  list.addEventListener("focusout", () => setTimeout(settle));
  pending.addEventListener("click", () => waiting && show(waiting));
}

// What is new

function announce(fresh) {
  const all = rows(fresh);
  const due = all.filter((row) => row.dataset.due === "1" && !heardAlerts.has(row.dataset.alert));
  const critical = due.filter((row) => row.dataset.urgency === "CRITICAL");
  const lost = all.filter((row) => isStale(row) && !knownStale.has(row.dataset.patient) && row.dataset.alert);
  if (critical.length) {
    const named = critical.map((row) => `${row.dataset.patient} ${row.querySelector(".pressure, .tile-pressure").textContent.trim()}`);
    document.getElementById("announce").textContent = `${words.critical}: ${named.join(", ")}`;
    sound.playCritical();
  } else if (due.some((row) => row.dataset.urgency === "HIGH")) sound.playHigh();
  else if (lost.length) sound.playStale();
  heardAlerts = new Set([...heardAlerts, ...all.map((row) => row.dataset.alert)]);
  knownStale = new Set(all.filter(isStale).map((row) => row.dataset.patient));
  tellCounts(fresh.querySelector("#board-counts"));
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
  if (due) sound.playCritical();
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
  for (const row of rows()) row.hidden = !row.dataset.patient.toLowerCase().includes(wanted);
}

function step(by) {
  const shown = rows().filter((row) => !row.hidden);
  const at = shown.indexOf(document.activeElement?.closest?.("[data-patient]"));
  const next = at < 0 ? (by > 0 ? 0 : shown.length - 1) : at + by;
  shown[Math.min(shown.length - 1, Math.max(0, next))]?.focus();
}

function clickIn(selector) {
  return () => {
    const row = document.activeElement?.closest?.("[data-patient]");
    const target = row?.querySelector(selector);
    if (!target || (selector === ".patient" && document.activeElement !== row)) return false;
    target.click();
    return true;
  };
}

const polling = startPolling({
  url: () => `/board/rows${location.search}`,
  onContent: takeContent,
  onAnswer: takeAnswer,
  onState: takeState,
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
installAcknowledge(list, () => {
  hold(false);
  polling.forget();
});
tellCounts(document.getElementById("board-counts"));
tick();
setInterval(tick, 1000);
