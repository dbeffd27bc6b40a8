// Colours: those of the page's scheme (CSS), and of series, which are lighter on a dark page.
let printing = false;
const systemDark = window.matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme; // "light" or "dark" where the reader has chosen, set by theme.js
  return !printing && (chosen === "dark" || (chosen !== "light" && systemDark.matches));
}

function pageColors() {
  if (printing) return {text: "#1d2430", soft: "#5c6675", rule: "#d5dae1", page: "#ffffff"};
  const css = getComputedStyle(document.body);
  return Object.fromEntries(["text", "soft", "rule", "page"].map((name) => [name, css.getPropertyValue(`--${name}`).trim()]));
}

function ink(color) { // "#RRGGBB" or "#RRGGBBAA"
  return isDark() && header.dark[color.slice(0, 7)] ? header.dark[color.slice(0, 7)] + color.slice(7) : color;
}

function inked(value) { // a trace with the colours of the page's scheme
  if (typeof value === "string") return value[0] === "#" ? ink(value) : value;
  if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map(inked);
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inked(each)]));
}

function mixed(color, other, share) { // `share` of the other colour
  const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [a, b] = [parts(color), parts(other)];
  return "#" + a.map((part, i) => Math.round(part + share * (b[i] - part)).toString(16).padStart(2, "0")).join("");
}

function shade(color, position) { // from light (the lowest rate) to strong (the highest); on a dark page from dim to bright
  const [weak, strong] = isDark() ? ["#14181d", "#ffffff"] : ["#ffffff", "#000000"];
  return position < 0.5 ? mixed(ink(color), weak, 1.3 * (0.5 - position)) : mixed(ink(color), strong, 0.9 * (position - 0.5));
}
