"use strict";
// The colours of the page: those of the system, or of the reader's choice, which the browser keeps. A printed page is light.
// Charts are redrawn at the event "themechange" of the window, and all of them are drawn at its event "beforeprint".
const THEME = "descentlab-theme";
const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
let printing = new URLSearchParams(location.search).has("print");

function chosenTheme() { // "light", "dark", or "" for that of the system
  try { return localStorage.getItem(THEME) || ""; } catch { return ""; }
}

function applyTheme() {
  const theme = printing ? "light" : chosenTheme() || (prefersDark.matches ? "dark" : "light");
  const changed = document.documentElement.dataset.theme !== theme;
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-choice]"))
    button.setAttribute("aria-pressed", button.dataset.themeChoice === chosenTheme());
  if (changed) window.dispatchEvent(new Event("themechange"));
}

function chooseTheme(theme) {
  try { theme ? localStorage.setItem(THEME, theme) : localStorage.removeItem(THEME); } catch { /* the choice is not kept */ }
  applyTheme();
}

prefersDark.addEventListener("change", applyTheme);
window.addEventListener("beforeprint", () => { printing = true; applyTheme(); });
window.addEventListener("afterprint", () => { printing = false; applyTheme(); });
document.addEventListener("DOMContentLoaded", () => {
  applyTheme();
  for (const button of document.querySelectorAll("[data-theme-choice]"))
    button.addEventListener("click", () => chooseTheme(button.dataset.themeChoice));
});
applyTheme();
