// The reader's choices, which hold for all figures of the page.
const AXES = {step: "step", examples: "examples", gradient_evaluations: "gradient evaluations", train_seconds: "training seconds"};
const MOST_BANDS = 6; // with more lines bands are off, unless the reader wants them
const MOST_COVERED = 0.6; // share of the height of a plot that bands may cover on average, all of them together
const MOST_FAINT = 60; // with more series that are not selected, these are off
const state = {axis: "step", scale: "log", others: "faint", view: "together", focus: "all", bands: "auto", smooth: 0, hidden: new Set(), zoom: {}};

function initialState() {
  const counts = header.sections.map((section) => [section.entries.length, Object.keys(section.lines).length]);
  if (counts.some(([entries, lines]) => lines - entries > MOST_FAINT)) state.others = "off";
  const curves = header.figures.flatMap((figure) => figure.curves ?? []);
  hide("others", !counts.some(([entries, lines]) => lines > entries));
  hide("view", !counts.some(([entries, lines]) => lines > entries));
  hide("gradient_evaluations", curves.every(({axes}) => axes.gradient_evaluations === 1)); // one evaluation per step
  if (counts.length && counts.every(([entries, lines]) => entries === 1 && lines > 1)) state.view = "split";
}

function hide(name, hidden) { // a control that has no effect on this page
  for (const button of document.querySelectorAll(`[data-choice="${name}"]`)) button.closest("fieldset").hidden = hidden;
  for (const button of document.querySelectorAll(`[data-value="${name}"]`)) button.hidden = hidden;
}

const sectionOf = (figure) => figure.section === null ? {entries: [], lines: {}} : header.sections[figure.section];
const keyOf = (section, entry) => `${section} ${entry}`;
const isHidden = (figure, entry) => state.hidden.has(keyOf(figure.section, entry));
const isLog = (figure) => figure.scale === "log" || (figure.scale === "loss" && state.scale === "log");
