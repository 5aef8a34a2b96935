// The acknowledgement in a dialogue; without scripts the same link opens a page.

const CLOSE_MS = 1500;

export function installAcknowledge(list, onDone) {
  const dialog = document.getElementById("acknowledge-dialog");
  if (!dialog) return;
  const form = dialog.querySelector("form");
  const result = document.getElementById("acknowledge-result");

  list.addEventListener("click", (event) => {
    const button = event.target.closest(".button-acknowledge");
    if (!button) return;
    event.preventDefault();
    const { patient } = button.closest("[data-patient]").dataset;
    form.reset();
    form.elements.patient_id.value = patient;
    document.getElementById("acknowledge-patient").textContent = patient;
    result.hidden = true;
    dialog.showModal();
  });

  list.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.closest(".button-acknowledge")) {
      event.preventDefault();
      event.target.click();
    }
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector(".button-main");
    button.disabled = true;
    try {
      const response = await fetch(form.action, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { Accept: "application/json" },
      });
      result.textContent = (await response.json()).text;
      if (response.ok || response.status === 404) setTimeout(() => dialog.close(), CLOSE_MS);
    } catch {
      form.submit(); // the page tells what is wrong
      return;
    } finally {
      button.disabled = false;
    }
    result.hidden = false;
    onDone();
  });
}
