// Everything here only helps: each page works without it.
"use strict";

// Copy buttons beside digests and commands.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || !navigator.clipboard) return;
  event.preventDefault();
  navigator.clipboard.writeText(button.dataset.copy).then(() => {
    const before = button.textContent;
    button.textContent = button.dataset.done || before;
    setTimeout(() => { button.textContent = before; }, 1500);
  });
});

// Buttons that only make sense with a script.
for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;

// A select that acts at once; without a script its form has a button.
document.addEventListener("change", (event) => {
  const field = event.target.closest("[data-submit]");
  if (field) field.form.requestSubmit();
});

// Keyboard: j and k walk through the rows of a list, Enter opens, x ticks the row's box, / goes to the filter.
const rows = () => Array.from(document.querySelectorAll("[data-row]"));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
  const list = rows();
  const at = list.findIndex((row) => row.contains(document.activeElement));
  if ((event.key === "j" || event.key === "k") && list.length) {
    const next = list[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), list.length - 1)];
    const link = next.querySelector("a, button") || next;
    link.focus();
    event.preventDefault();
  } else if (event.key === "x" && at >= 0) {
    const box = list[at].querySelector("input[type=checkbox]:not(:disabled)");
    if (box) { box.click(); event.preventDefault(); }
  } else if (event.key === "/") {
    const field = document.querySelector("[data-filter]");
    if (field) { field.focus(); event.preventDefault(); }
  }
});
