// Keyboard shortcuts, one help dialogue, and a switch that turns them off for this tab.

const OFF = "shortcuts-off";
const PLACES = { b: "/", p: "/predictions", s: "/stats" };
const CHORD_MS = 1500;

export function installKeys(actions = {}) {
  const help = document.getElementById("shortcuts");
  const allowed = document.getElementById("shortcuts-on");
  let chordUntil = 0;

  if (allowed) {
    allowed.checked = sessionStorage.getItem(OFF) === null;
    allowed.addEventListener("change", () => {
      if (allowed.checked) sessionStorage.removeItem(OFF);
      else sessionStorage.setItem(OFF, "1");
    });
  }
  document.getElementById("shortcuts-open")?.addEventListener("click", () => help.showModal());
  for (const button of document.querySelectorAll("dialog [data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select");
    if (event.key === "Escape" && isTyping && !event.target.closest("dialog")) return event.target.blur();
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (sessionStorage.getItem(OFF) !== null) return;
    if (Date.now() < chordUntil && PLACES[event.key]) return location.assign(PLACES[event.key]);
    chordUntil = event.key === "g" ? Date.now() + CHORD_MS : 0;
    const run = event.key === "?" ? () => help?.showModal() : actions[event.key];
    if (run && run(event) !== false) event.preventDefault();
  });
}
