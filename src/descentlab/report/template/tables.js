"use strict";
// Tables of the class "data": rows are sorted by a click on a heading, and the table is copied as Markdown, CSV or LaTeX.
// A table with a button "fold" hides its rows of the class "other".
const UNITS = {s: 1, min: 60, h: 3600, "%": 1};
const STEPS = {none: "descending", descending: "ascending", ascending: "none"}; // the order after a click
const LATEX = {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "$<$", ">": "$>$",
  "–": "--", "−": "$-$", "≈": "$\\approx$", "×": "$\\times$", "µ": "$\\mu$"};

function textOf(cell) { // without the flags, and without what a narrow screen repeats below the name
  const copy = cell.cloneNode(true);
  for (const part of copy.querySelectorAll(".flag, .narrow, svg")) part.remove();
  return copy.textContent.replace(/\s+/g, " ").trim();
}

function cellsOf(row) { // without drawn intervals and links to runs
  return [...row.cells].filter((cell) => !cell.classList.contains("extra"));
}

function numberIn(text) { // the first number of a cell, in seconds for durations; NaN for other texts and "2 of 3 reached"
  if (text === "reference") return 0; // its difference from itself
  if (/^\d+ of \d+ /.test(text)) return NaN;
  const found = text.replaceAll(",", "").match(/^[<]?(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?: ?(s|min|h|%)(?![a-z]))?/i);
  return found ? Number(found[1]) * (UNITS[found[2]] ?? 1) : NaN;
}

function compareTexts(a, b) { // numbers within the texts are compared as numbers: lr=0.0003 is below lr=0.001
  const [first, second] = [a, b].map((text) => text.split(/((?:(?<!\w)-)?\d+(?:\.\d+)?(?:e[-+]?\d+)?)/i)); // numbers at odd positions
  for (let index = 0; index < Math.min(first.length, second.length); index++) {
    const [x, y] = [first[index], second[index]];
    const difference = index % 2 ? Number(x) - Number(y) : x.localeCompare(y);
    if (difference) return difference;
  }
  return first.length - second.length;
}

function compareCells(order) { // cells without a number follow the others in both orders, and empty ones follow those
  const sign = order === "descending" ? -1 : 1;
  return ([a], [b]) => {
    if (!a || !b) return !a - !b;
    const [x, y] = [numberIn(a), numberIn(b)];
    if (!Number.isNaN(x) && !Number.isNaN(y)) return sign * (x - y);
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return sign * compareTexts(a, b);
  };
}

function sortRows(table, heading) {
  const order = STEPS[heading.getAttribute("aria-sort") || "none"];
  const column = cellsOf(heading.parentElement).indexOf(heading);
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [textOf(cellsOf(row)[column]), row]);
  if (order === "none") rows.sort(([, a], [, b]) => a.dataset.position - b.dataset.position);
  else rows.sort(compareCells(order));
  for (const [, row] of rows) body.append(row);
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  if (order !== "none") heading.setAttribute("aria-sort", order);
}

function makeSortable(table) {
  [...table.tBodies[0].rows].forEach((row, position) => { row.dataset.position = position; });
  for (const heading of cellsOf(table.tHead.rows[0])) {
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sortRows(table, heading));
  }
}

function shownRows(table) { // the texts of the heading and of all rows that are not folded
  return [...table.tHead.rows, ...[...table.tBodies[0].rows].filter((row) => !row.hidden)].map((row) => cellsOf(row).map(textOf));
}

const FORMATS = {
  Markdown(rows) {
    const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
    return line(rows[0]) + line(rows[0].map(() => "---")) + rows.slice(1).map(line).join("");
  },
  CSV(rows) {
    const quoted = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
    return rows.map((row) => `${row.map(quoted).join(",")}\n`).join("");
  },
  LaTeX(rows) {
    const escaped = (cell) => cell.replace(/[&%$#_{}]/g, "\\$&").replace(/\\(?![&%$#_{}])|[~^<>–−≈×µ]/g, (each) => LATEX[each]);
    const line = (row) => `${row.map(escaped).join(" & ")} \\\\\n`;
    const columns = `l${"r".repeat(rows[0].length - 1)}`;
    return `\\begin{tabular}{${columns}}\n\\toprule\n${line(rows[0])}\\midrule\n${rows.slice(1).map(line).join("")}\\bottomrule\n\\end{tabular}\n`;
  },
};

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // without permission, or without a clipboard: select the text of a field
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

function addCopyButtons(table) {
  const row = document.createElement("span");
  row.className = "copy";
  row.append("copy as ");
  for (const [name, format] of Object.entries(FORMATS)) {
    const button = document.createElement("button");
    button.textContent = name;
    button.setAttribute("aria-label", `copy the table as ${name}`);
    button.addEventListener("click", async () => {
      await copy(format(shownRows(table)));
      document.getElementById("status").textContent = `The table was copied as ${name}.`;
      button.textContent = "copied";
      setTimeout(() => { button.textContent = name; }, 1500);
    });
    row.append(button);
  }
  const box = table.closest(".wide"), fold = box.nextElementSibling?.querySelector(".fold");
  const line = fold ? fold.parentElement : document.createElement("p");
  line.classList.add("below");
  line.append(row);
  if (!fold) box.after(line);
}

function makeFoldable(button) {
  const rows = document.getElementById(button.getAttribute("aria-controls")).querySelectorAll("tr.other");
  const set = (open) => {
    for (const row of rows) row.hidden = !open;
    button.setAttribute("aria-expanded", open);
    const count = button.dataset.others;
    button.textContent = open ? "hide the other settings" : `show ${count} other setting${count === "1" ? "" : "s"}`;
  };
  button.addEventListener("click", () => set(button.getAttribute("aria-expanded") !== "true"));
  set(false);
}

for (const table of document.querySelectorAll("table.data")) {
  makeSortable(table);
  addCopyButtons(table);
}
for (const button of document.querySelectorAll("button.fold")) makeFoldable(button);
for (const button of document.querySelectorAll("button[data-copy]")) button.addEventListener("click", async () => {
  await copy(button.dataset.copy);
  document.getElementById("status").textContent = `${button.dataset.copy} was copied.`;
  const shown = button.firstElementChild;
  shown.textContent = "copied";
  setTimeout(() => { shown.textContent = button.dataset.copy; }, 1500);
});
for (const link of document.querySelectorAll("a.flag")) link.addEventListener("click", () => { // open the fold that holds it
  const fold = document.querySelector(link.getAttribute("href")).closest("details");
  if (fold) fold.open = true;
});
for (const box of document.querySelectorAll(".wide, pre")) // the keyboard scrolls what is larger than its box
  if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) {
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", box.matches("pre") ? "text, longer than its box" : "table, larger than its box");
  }
for (const log of document.querySelectorAll("pre.log")) log.scrollTop = log.scrollHeight; // the last lines
