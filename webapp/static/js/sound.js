// Tones by Web Audio. A browser lets a page sound only after a click or a key on it: where the account wants sound
// (`data-sound` of the body) it waits for the first one anywhere, and the button says so.

const CRITICAL = [880, 660, 880, 660, 880];
const HIGH = [660, 660, 660];
const STALE = [440];
const LOST = [440, 440, 330];
const NOTE_S = 0.18;
const GAP_S = 0.1;

let context = null; // none while no sound is wanted; suspended while the browser does not let it sound

export const isOn = () => context?.state === "running";

export function installSound(button = null) {
  const tell = () => {
    if (!button) return;
    const state = isOn() ? "on" : context ? "waits" : "off";
    button.setAttribute("aria-pressed", String(isOn()));
    button.textContent = button.dataset[state];
  };
  const begin = () => {
    context = new AudioContext();
    context.addEventListener("statechange", tell);
    tell();
  };
  const end = () => {
    context.close();
    context = null;
    tell();
  };
  const waken = ({ target }) => {
    if (context && !isOn() && !button?.contains(target)) context.resume();
  };
  document.addEventListener("pointerup", waken);
  document.addEventListener("keydown", waken);
  button?.addEventListener("click", async () => {
    if (isOn()) return end();
    if (!context) begin();
    await context.resume();
    play(STALE); // so that one hears how loud it is
  });
  if (document.body.dataset.sound === "on") begin();
}

export const playCritical = () => play(CRITICAL);
export const playHigh = () => play(HIGH);
export const playStale = () => play(STALE);
export const playLost = () => play(LOST);

function play(notes) {
  if (!isOn()) return; // what is played to a suspended context would all sound at once later
  notes.forEach((frequency, place) => {
    const start = context.currentTime + place * (NOTE_S + GAP_S);
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.25, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + NOTE_S);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + NOTE_S);
  });
}
