// When nobody acts for long the session ends for acting, not for watching: the board goes on, masked and with sound.
// A countdown comes first; then the password is asked for.

const WARNED_S = 120;

export function installIdle() {
  const warning = document.getElementById("idle-soon");
  const over = document.getElementById("idle-over");
  let idleAt = Infinity;

  function tick() {
    const left = Math.ceil((idleAt - Date.now()) / 1000);
    const isOver = left <= 0;
    document.body.classList.toggle("is-idle", isOver);
    if (!warning) return;
    over.hidden = !isOver;
    warning.hidden = isOver || left > WARNED_S;
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (!warning.hidden) warning.querySelector("span").textContent = warning.dataset.text.replace("{age}", clock);
    if (isOver) document.querySelector("dialog[open]")?.close();
  }

  warning?.querySelector("button").addEventListener("click", async () => {
    const answer = await fetch("/board/stay", { method: "POST" });
    if (answer.ok) idleAt = Infinity; // the next answer says until when
    tick();
  });
  setInterval(tick, 1000);
  return {
    take: (seconds) => {
      idleAt = seconds === null ? Infinity : Date.now() + Number(seconds) * 1000;
      tick();
    },
  };
}
