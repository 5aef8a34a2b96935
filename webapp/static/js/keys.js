// Keyboard shortcuts and their help dialogue. The account switches them on or off (`data-shortcuts` of the body), the
// dialogue does for this tab; what it says ends when the account's choice changes.

const PREFERENCE = document.body.dataset.shortcuts;
const CHOICE = `shortcuts-unlike-${PREFERENCE}`;
const PLACES = { b: "/", p: "/predictions", s: "/stats" };
const CHORD_MS = 1500;

const areOn = () => (PREFERENCE !== "off") === (sessionStorage.getItem(CHOICE) === null);

export function installKeys(actions = {}) {
  const help = document.getElementById("shortcuts");
  const allowed = document.getElementById("shortcuts-on");
  let chordUntil = 0;

  if (allowed) {
    allowed.checked = areOn();
    allowed.addEventListener("change", () => {
      if (allowed.checked === (PREFERENCE !== "off")) sessionStorage.removeItem(CHOICE);
      else sessionStorage.setItem(CHOICE, "1");
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
    if (!areOn()) return;
    if (Date.now() < chordUntil && PLACES[event.key]) return location.assign(PLACES[event.key]);
    chordUntil = event.key === "g" ? Date.now() + CHORD_MS : 0;
    const run = event.key === "?" ? () => help?.showModal() : actions[event.key];
    if (run && run(event) !== false) event.preventDefault();
  });
}
