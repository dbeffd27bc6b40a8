// The reader's choices, opened sections and sort order on a page that reloads itself (watch.js): kept over the reload.
const KEPT = `descentlab-kept ${location.pathname}`;
const initial = {}; // the choices at the start, which the page sets when it loads

function named(elements, name) { // elements by a name that a newer page has too: numbers may change, and equal names are counted
  const found = new Map();
  for (const element of elements) {
    const text = name(element).replace(/\d+/g, "").replace(/\s+/g, " ").trim();
    let key = text;
    for (let i = 2; found.has(key); i++) key = `${text} ${i}`;
    found.set(key, element);
  }
  return found;
}

const folds = () => named(document.querySelectorAll("details"), (fold) => fold.querySelector("summary").textContent);
const headings = () => named(document.querySelectorAll("table.data thead th"), (each) => `${each.closest("table").id} ${each.textContent}`);
const rowFolds = () => named(document.querySelectorAll("button.fold"), (button) => button.getAttribute("aria-controls"));
const plotNames = () => named(plots, ({dataset}) => `${header.figures[dataset.figure].section} ${header.figures[dataset.figure].title}`);
const valuesOf = (elements, value) => [...elements].map(([key, element]) => [key, value(element)]);

function keep() {
  const {hidden, zoom, ...choices} = state;
  const kept = {
    choices: Object.entries(choices).filter(([name, value]) => value !== initial[name]), zoom,
    hidden: header.sections.flatMap(({entries}, i) => entries.map(({name}, j) => [i, name, hidden.has(keyOf(i, j))])).filter(([, , is]) => is),
    plots: valuesOf(plotNames(), (plot) => ({yZoom: plot.yZoom, height: plot.style.height})),
    folds: valuesOf(folds(), (fold) => fold.open),
    sorted: valuesOf(headings(), (heading) => heading.getAttribute("aria-sort")).filter(([, order]) => order),
    rowFolds: valuesOf(rowFolds(), (button) => button.getAttribute("aria-expanded")),
    top: window.scrollY,
  };
  try { sessionStorage.setItem(KEPT, JSON.stringify(kept)); } catch { /* the page opens as it does at first */ }
}

function takeKept() { // once: a page that the reader reloads opens as it does at first
  try {
    const text = sessionStorage.getItem(KEPT);
    sessionStorage.removeItem(KEPT);
    return text && JSON.parse(text);
  } catch { return null; }
}

function restore(kept) { // before the plots are drawn
  Object.assign(state, Object.fromEntries(kept.choices), {zoom: kept.zoom});
  for (const [section, name] of kept.hidden) {
    const entry = header.sections[section]?.entries.findIndex((each) => each.name === name) ?? -1;
    if (entry >= 0) state.hidden.add(keyOf(section, entry));
  }
  for (const slider of document.querySelectorAll("input[data-choice=smooth]")) slider.value = state.smooth;
  forEachKept(plotNames(), kept.plots, (plot, {yZoom, height}) => { plot.yZoom = yZoom; plot.style.height = height; });
  forEachKept(folds(), kept.folds, (fold, open) => { fold.open = open; });
  forEachKept(rowFolds(), kept.rowFolds, (button, open) => button.getAttribute("aria-expanded") !== open && button.click());
  forEachKept(headings(), kept.sorted, (heading, order) => {
    for (let i = 0; i < 2 && heading.getAttribute("aria-sort") !== order; i++) heading.querySelector("button").click();
  });
  window.scrollTo(0, kept.top);
}

function forEachKept(elements, values, change) {
  for (const [key, value] of values) if (elements.has(key)) change(elements.get(key), value);
}
