// Rows of the board and tiles of the wall: what they are known by, and how new content takes the place of the old.

export function rowsOf(root) {
  return [...root.querySelectorAll("[data-row]")];
}

export function keyOf(row) {
  return row.dataset.row;
}

// What must not wait: somebody has to act at once or soon, or should have done so already.
export function isUrgent(row) {
  return row.dataset.urgency === "CRITICAL" || row.dataset.urgency === "HIGH" || row.dataset.late === "1";
}

export function parse(content) {
  const holder = document.createElement("div");
  holder.append(document.createRange().createContextualFragment(content));
  return holder;
}

const CONTAINERS = "[data-section], .rows, .tiles";

function nameOf(element) {
  return element.dataset.row ?? element.dataset.section ?? (element.id || element.tagName);
}

// Makes `old` hold what `fresh` holds. What has not changed stays the very same element, so that neither focus, nor
// what somebody is about to click, nor an animation begins anew every second.
export function merge(old, fresh) {
  const known = new Map([...old.children].map((child) => [nameOf(child), child]));
  let place = old.firstElementChild;
  for (const next of [...fresh.children]) {
    const before = known.get(nameOf(next));
    known.delete(nameOf(next));
    const kept = before && keep(before, next);
    if (kept && kept === place) {
      place = place.nextElementSibling;
      continue;
    }
    if (before && !kept && before === place) place = place.nextElementSibling;
    if (before && !kept) before.remove();
    old.insertBefore(kept ?? next, place);
  }
  for (const child of known.values()) child.remove();
}

// Returns the element that may stay, brought up to date where it only holds others; null where it must give way.
function keep(before, next) {
  if (before.isEqualNode(next)) return before;
  if (!before.matches(CONTAINERS) || before.tagName !== next.tagName) return null;
  merge(before, next);
  return before;
}
