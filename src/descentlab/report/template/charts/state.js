// What the reader has chosen; it holds for all figures of the page.
const AXES = {step: "step", examples: "examples", gradient_evaluations: "gradient evaluations", train_seconds: "training seconds"};
const MOST_BANDS = 6; // with more lines bands are off, until the reader wants them
const MOST_FAINT = 60; // with more series that are not selected, these are off
const state = {axis: "step", scale: "log", others: "faint", view: "together", focus: "all", bands: "on", smooth: 0, hidden: new Set(), zoom: {}};

function initialState() {
  const counts = header.sections.map((section) => [section.entries.length, Object.keys(section.lines).length]);
  if (counts.some(([entries]) => entries > MOST_BANDS)) state.bands = "off";
  if (counts.some(([entries, lines]) => lines - entries > MOST_FAINT)) state.others = "off";
  if (counts.length && counts.every(([entries, lines]) => entries === 1 && lines > 1)) state.view = "split";
}

const sectionOf = (figure) => figure.section === null ? {entries: [], lines: {}} : header.sections[figure.section];
const keyOf = (section, entry) => `${section} ${entry}`;
const isHidden = (figure, entry) => state.hidden.has(keyOf(figure.section, entry));
const isLog = (figure) => figure.scale === "log" || (figure.scale === "loss" && state.scale === "log");
