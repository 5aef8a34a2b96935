// Waits for the end of a trial of rules, and shows how far it is.
import { installKeys } from "./keys.js";

const LOOK_MS = 2000;
const progress = document.getElementById("trial-progress");

async function look() {
  try {
    const response = await fetch(progress.dataset.url, { cache: "no-store" });
    if (response.ok) {
      const state = await response.json();
      if (state.is_over) return location.reload();
      progress.max = state.patients || 1;
      progress.value = state.done;
    }
  } catch {
    // the link is away for a moment
  }
  setTimeout(look, LOOK_MS);
}

installKeys();
if (progress) setTimeout(look, LOOK_MS);
