// Answering alerts in a dialogue: the page of the form is loaded into it, so that both are the same. Without scripts
// the link opens that page.

const READ_MS = 2500; // how long a refusal stays in the dialogue
const SHOWN_MS = 12000; // how long the outcome stays without anything to undo
const SECOND_MS = 1000;

export function installAcknowledge(list, onDone) {
  const dialog = document.getElementById("answer-dialog");
  if (!dialog) return;
  const holder = document.getElementById("answer-holder");
  const toast = makeToast(onDone);

  list.addEventListener("click", (event) => {
    const button = event.target.closest(".button-acknowledge");
    if (!button) return;
    event.preventDefault();
    open(button.href, button.closest("[data-patient]")?.dataset.patient ?? "");
  });

  list.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.closest(".button-acknowledge")) {
      event.preventDefault();
      event.target.click();
    }
  });

  async function open(address, patient) {
    const loading = document.createElement("p");
    loading.textContent = `${patient} ${dialog.dataset.loading}`;
    holder.replaceChildren(loading);
    dialog.showModal();
    try {
      const response = await fetch(address, { cache: "no-store" });
      if (!response.ok) throw new Error(response.status);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const forms = page.querySelectorAll("[data-answer-form]");
      if (!forms.length) throw new Error("no form");
      holder.replaceChildren(...[...forms].map((form) => document.adoptNode(form)));
      (holder.querySelector("input[type=radio]:checked") ?? holder.querySelector("button"))?.focus();
    } catch {
      location.assign(address); // the page tells what is wrong
    }
  }

  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-close]")) return;
    event.preventDefault();
    dialog.close();
  });

  dialog.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (form.classList.contains("is-busy")) return;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    tell(form, form.dataset.progress);
    form.classList.add("is-busy");
    const answer = await send(form.action, body);
    form.classList.remove("is-busy");
    if (!answer || answer.status === 422) {
      tell(form, "");
      fault(form, answer?.text ?? form.dataset.failed, answer?.field);
      return;
    }
    if (answer.stored) return finish(answer, body);
    tell(form, answer.text);
    setTimeout(() => form.isConnected && finish(answer, body), READ_MS);
  });

  // The dialogue gives the focus back to its button; what holds the focus is not renewed, so it goes to the outcome.
  function finish(answer, body) {
    dialog.close();
    toast.show(answer, body);
    onDone();
  }
}

// Returns what the site answered to an answer, with its status; null where none came.
export async function send(address, body) {
  try {
    const response = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" } });
    return { ...(await response.json()), status: response.status };
  } catch {
    return null;
  }
}

function tell(form, text) {
  const place = form.querySelector("[data-progress-text]");
  if (!place) return;
  place.hidden = !text;
  place.textContent = text;
}

function fault(form, text, field) {
  const place = form.querySelector("[data-error]");
  if (!place) return;
  place.textContent = text;
  place.hidden = false;
  form.querySelector(`[name="${field}"]`)?.focus();
}

// The line at the foot of the page: what became of the last answer, and for a minute its undoing.
export function makeToast(onDone) {
  const toast = document.getElementById("answer-toast");
  const undo = document.getElementById("answer-undo");
  const close = document.getElementById("answer-toast-close");
  let timer = 0;
  let left = 0;
  let taken = null;

  function hide() {
    clearInterval(timer);
    toast.hidden = true;
  }

  function count() {
    undo.textContent = undo.dataset.text.replace("{seconds}", left);
    if (left <= 0) hide();
    left -= 1;
  }

  function show(answer, sent) {
    hide();
    toast.hidden = false;
    document.getElementById("answer-outcome").textContent = `${sent.get("patient_id") ?? ""} ${answer.text}`.trim();
    undo.hidden = !answer.undo?.length;
    (undo.hidden ? close : undo).focus({ preventScroll: true });
    if (undo.hidden) {
      timer = setTimeout(hide, SHOWN_MS);
      return;
    }
    taken = new URLSearchParams([["act", "undo"], ["patient_id", sent.get("patient_id") ?? ""]]);
    for (const id of answer.undo) taken.append("alert_id", id);
    left = answer.undo_s;
    count();
    timer = setInterval(count, SECOND_MS);
  }

  undo.addEventListener("click", async () => {
    undo.disabled = true;
    const answer = await send("/acknowledge", taken);
    undo.disabled = false;
    if (!answer) return;
    show(answer, taken);
    onDone();
  });
  close.addEventListener("click", hide);
  return { show };
}
