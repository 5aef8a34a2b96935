"use strict";
// Shows or hides what is typed in the password field named by the button.
document.querySelectorAll("[data-show]").forEach((button) => {
  const field = document.getElementById(button.dataset.show);
  const shown = button.dataset.hideText;
  const hidden = button.textContent;
  button.hidden = false;
  button.addEventListener("click", () => {
    const reveal = field.type === "password";
    field.type = reveal ? "text" : "password";
    button.textContent = reveal ? shown : hidden;
    field.focus();
  });
});
