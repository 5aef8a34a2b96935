// Tones by Web Audio; silent until somebody switches them on, because browsers ask for a click first.

const CRITICAL = [880, 660, 880, 660, 880];
const HIGH = [660, 660, 660];
const STALE = [440];
const NOTE_S = 0.18;
const GAP_S = 0.1;

let context = null;

export const isOn = () => context !== null;

export function toggle() {
  if (context) {
    context.close();
    context = null;
  } else {
    context = new AudioContext();
    play(STALE);
  }
  return isOn();
}

export const playCritical = () => play(CRITICAL);
export const playHigh = () => play(HIGH);
export const playStale = () => play(STALE);

function play(notes) {
  if (!context) return;
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
