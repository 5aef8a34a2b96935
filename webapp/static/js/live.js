// Polling with an entity tag that lives in memory (answers are `no-store`), and what tells whether the link is alive.
// Rhythm: every 5 s plus up to 1 s of chance unless told otherwise; hidden pages rest; failures back off to 30 s.
import { installSound, playLost } from "./sound.js";

export const POLL_MS = 5000;
const JITTER_MS = 1000;
const LONGEST_MS = 30000;
const ANSWER_MS = 10000;
export const LOST_MS = 15000;
const AFTER_WAKE_MS = 10000;
const SOUND_LOST_MS = 30000;

export function startPolling({ url, onContent, onAnswer, onState, every = POLL_MS, jitter = JITTER_MS }) {
  installSound(document.getElementById("sound"));
  const warn = makeWarning();
  let tag = null;
  let timer = 0;
  let failures = 0;
  let running = false;
  let answeredAt = Date.now();
  let isLost = false;

  function plan(wait = every + Math.random() * jitter) {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(poll, wait);
  }

  function backOff() {
    return Math.min(LONGEST_MS, POLL_MS * 2 ** Math.max(0, failures - 1)) + Math.random() * JITTER_MS;
  }

  async function poll() {
    if (running) return;
    running = true;
    try {
      const headers = tag ? { "If-None-Match": tag } : {};
      const response = await fetch(url(), { headers, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
      await take(response);
    } catch {
      failures += 1;
    } finally {
      running = false;
    }
    if (answeredAt !== Infinity) plan(failures ? backOff() : undefined);
  }

  async function take(response) {
    if (response.status === 401) return end();
    if (response.status === 503) {
      failures += 1;
      alive("store-down");
      return;
    }
    if (response.status !== 200 && response.status !== 304) {
      failures += 1;
      return;
    }
    failures = 0;
    alive("ok");
    onAnswer?.(response.headers);
    if (response.status === 304) return;
    const content = await response.text();
    tag = response.headers.get("ETag");
    onContent(content);
  }

  function alive(state) {
    answeredAt = Date.now();
    isLost = false;
    tell(state, 0);
  }

  function tell(state, silent) {
    warn(state !== "ok");
    onState(state, silent);
  }

  // The session is over: nothing on this page may stay readable as if it were current. The site says why.
  function end() {
    answeredAt = Infinity;
    clearTimeout(timer);
    location.reload();
  }

  setInterval(() => {
    const silent = Date.now() - answeredAt;
    if (!document.hidden && silent >= LOST_MS) {
      isLost = true;
      tell("lost", silent);
    }
  }, 1000);

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(timer);
      return;
    }
    // A page that wakes up has heard nothing for long without having lost anything.
    if (!isLost && answeredAt !== Infinity) answeredAt = Math.max(answeredAt, Date.now() - LOST_MS + AFTER_WAKE_MS);
    plan(0);
  });
  window.addEventListener("online", () => plan(0));
  plan();
  return {
    now: () => plan(0),
    forget: () => {
      tag = null;
      plan(0);
    },
  };
}

// For whoever does not look at the page: while it is not current its title says so, and a tone at once and every 30 s.
function makeWarning() {
  let usualTitle = null; // of the page, while it is not current
  let soundedAt = 0;
  return (isOutdated) => {
    if (isOutdated && usualTitle === null) {
      usualTitle = document.title;
      document.title = `${document.body.dataset.outdated} – ${usualTitle}`;
    } else if (!isOutdated && usualTitle !== null) {
      document.title = usualTitle;
      usualTitle = null;
    }
    if (isOutdated && Date.now() - soundedAt >= SOUND_LOST_MS) {
      soundedAt = Date.now();
      playLost();
    }
  };
}

export function span(milliseconds, words) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} ${words.seconds}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} ${words.minutes}`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} ${words.hours}` : `${Math.floor(minutes / 1440)} ${words.days}`;
}

export function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
}
