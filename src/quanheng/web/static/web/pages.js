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

// A field that narrows a box of choices to those that hold what is typed, and those that are ticked.
document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-narrow]");
  if (!field) return;
  const wanted = field.value.trim().toLowerCase();
  for (const label of document.getElementById(field.dataset.narrow).querySelectorAll("label"))
    label.hidden = !label.querySelector(":checked") && !label.textContent.toLowerCase().includes(wanted);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.closest("[data-narrow]")) event.preventDefault();
});

// A drawing and a row of tabs that are wider than the screen begin with what the page is about.
for (const here of document.querySelectorAll(".graph-frame .here, .tabs .on")) {
  const frame = here.closest(".graph-frame, .tabs"), box = here.getBoundingClientRect();
  frame.scrollLeft += box.left + box.width / 2 - frame.getBoundingClientRect().left - frame.clientWidth / 2;
}

// Keyboard: j and k walk through the rows of a list, Enter opens, x ticks the row's box, / goes to the filter.
const rows = () => Array.from(document.querySelectorAll("[data-row]"));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
  const list = rows();
  const at = list.findIndex((row) => row.contains(document.activeElement));
  if ((event.key === "j" || event.key === "k") && list.length) {
    const next = list[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), list.length - 1)];
    const link = next.querySelector("a, button, summary") || next;
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

// A form with files shows how much of them is sent; without a script the browser sends it as it is.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-upload]");
  if (!form || !Array.from(form.querySelectorAll("input[type=file]")).some((field) => field.files.length)) return;
  event.preventDefault();
  const button = event.submitter, line = form.querySelector("[data-sent]"), bar = line.querySelector("progress");
  const request = new XMLHttpRequest();
  const again = () => { line.hidden = true; if (button) button.disabled = false; };
  const sent = new FormData(form, button);
  request.open("POST", form.action);
  request.upload.onprogress = (told) => { if (told.lengthComputable) bar.value = told.loaded / told.total; };
  request.onload = () => {
    if (request.status < 400 && request.responseURL !== form.action) return location.assign(request.responseURL);
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    document.title = page.title;
    document.body.replaceWith(page.body);
    const problem = document.getElementById("problem");
    if (problem) problem.focus();
  };
  request.onerror = () => { again(); line.hidden = false; line.dataset.failed = ""; };
  request.onabort = again;
  delete line.dataset.failed;
  line.hidden = false;
  bar.value = 0;
  if (button) button.disabled = true;
  request.send(sent);
});
