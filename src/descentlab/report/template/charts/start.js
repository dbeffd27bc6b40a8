// The controls of the charts, and the start.
function showChoices() {
  for (const button of document.querySelectorAll("button[data-choice]"))
    button.setAttribute("aria-pressed", state[button.dataset.choice] === button.dataset.value);
  for (const button of document.querySelectorAll("button[data-entry]"))
    button.setAttribute("aria-pressed", !state.hidden.has(keyOf(button.dataset.section, button.dataset.entry)));
  for (const text of document.querySelectorAll("[data-shown-with]")) text.hidden = text.dataset.shownWith !== state.view;
}

function choose(name, value) {
  state[name] = value;
  if (name === "axis") state.zoom = {};
  for (const plot of plots) plot.yZoom = undefined;
  showChoices();
  redraw();
}

function toggleEntry(button, alone) {
  const {section, entry} = button.dataset, own = keyOf(section, entry);
  const others = header.sections[section].entries.map((_, i) => keyOf(section, i)).filter((key) => key !== own);
  if (!alone) state.hidden.has(own) ? state.hidden.delete(own) : state.hidden.add(own);
  else { // only this one, or all again
    const already = others.every((key) => state.hidden.has(key));
    for (const key of others) already ? state.hidden.delete(key) : state.hidden.add(key);
    state.hidden.delete(own);
  }
  showChoices();
  redraw();
}

function listen() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button");
    if (!button) return;
    const {choice, value, entry, exports} = button.dataset;
    if (choice) choose(choice, value);
    else if (entry !== undefined) toggleEntry(button, event.detail > 1 || event.shiftKey);
    else if (exports) exported(button.closest(".panel").querySelector(".plot"), exports);
  });
  document.addEventListener("input", ({target}) => target.dataset?.choice === "smooth" && choose("smooth", Number(target.value)));
  systemDark.addEventListener("change", () => redraw());
  window.addEventListener("themechange", () => redraw());
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
  window.addEventListener("beforereload", keep); // of watch.js
}

let unfolded = []; // flags that are folded on the screen

function print(on) { // all plots, in light colours and as wide as paper, and all flags
  printing = on;
  if (on) unfolded = [...document.querySelectorAll(".flags details:not([open])")];
  for (const fold of unfolded) fold.open = on;
  return on ? Promise.all(plots.map(draw)) : redraw();
}

const narrow = window.matchMedia("(max-width: 640px)"); // there, the controls are folded

function foldControls() {
  for (const controls of document.querySelectorAll("details.controls")) controls.open = !narrow.matches;
}

async function start() {
  foldControls();
  narrow.addEventListener("change", foldControls);
  try {
    await Promise.all([loadLibrary(), loadData()]);
  } catch (error) {
    for (const plot of plots) plot.textContent = `The charts cannot be drawn: ${error.message}. A browser of 2023 or later draws them.`;
    return;
  }
  initialState();
  Object.assign(initial, state);
  const kept = takeKept();
  if (kept) restore(kept);
  listen();
  showChoices();
  if (new URLSearchParams(location.search).has("print")) await print(true); // a page that a program prints
  else await watch();
  if (kept) window.scrollTo(0, kept.top); // the plots may have changed their heights
  document.documentElement.dataset.charts = "ready";
}

start();
