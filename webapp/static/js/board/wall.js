// A wall cannot be scrolled: it shows as many tiles as it has room for, and says how many patients are not on it.

const WALL_WIDTH = 1000; // narrower screens are in somebody's hand

export function fitTiles(list) {
  const more = document.getElementById("more-tiles");
  if (!more) return;
  const tiles = [...list.querySelectorAll(".tile")];
  for (const tile of tiles) tile.hidden = false;
  if (window.innerWidth >= WALL_WIDTH) {
    const bottom = window.innerHeight - document.querySelector(".site-footer").offsetHeight;
    const isBelow = (tile) => tile.getBoundingClientRect().bottom + window.scrollY > bottom;
    const first = tiles.findIndex(isBelow);
    if (first > 0) for (const tile of tiles.slice(first)) tile.hidden = true;
  }
  const left = Number(more.dataset.total) - tiles.filter((tile) => !tile.hidden).length;
  more.hidden = left <= 0;
  if (left > 0) more.querySelector("strong").textContent = `+${left}`;
}

window.addEventListener("resize", () => fitTiles(document.getElementById("board-list")));
