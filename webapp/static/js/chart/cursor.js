// One cursor for hand and keyboard: whatever it points at is written into a status line that screen readers speak.

const LEAPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

// `current` gives the chart as it now is: {plot, times, describe}; `restore` points at the same time after a redraw.
export function followCursor(mount, status, current) {
  let index = null;
  let time = null;

  function write(wanted) {
    const { times, describe } = current();
    if (wanted === null || wanted === undefined || times.length === 0) return;
    index = Math.min(Math.max(wanted, 0), times.length - 1);
    if (times[index] === time) return;
    time = times[index];
    status.textContent = describe(index);
  }

  function point(wanted) {
    write(wanted);
    const { plot } = current();
    if (index !== null) plot.setCursor({ left: plot.valToPos(time, "x"), top: 0 });
  }

  mount.addEventListener("keydown", (event) => {
    if (!(event.key in LEAPS) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const from = index ?? (LEAPS[event.key] < 0 ? current().times.length : -1);
    point(from + LEAPS[event.key]);
  });
  mount.addEventListener("mousemove", () => write(current().plot.cursor.idx));
  mount.addEventListener("click", () => point(current().plot.cursor.idx));

  mount.addEventListener("pointermove", ({ pointerType, clientX }) => {
    if (pointerType !== "touch") return;
    const { plot } = current();
    plot.setCursor({ left: clientX - plot.over.getBoundingClientRect().left, top: 0 });
    write(plot.cursor.idx);
  });

  function restore() {
    if (time === null || document.activeElement !== mount) return;
    const { times } = current();
    const found = times.findLastIndex((one) => one <= time);
    time = null;
    if (found >= 0) point(found);
  }
  return { restore };
}
