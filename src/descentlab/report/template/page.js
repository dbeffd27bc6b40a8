"use strict";
const AXIS_TITLES = {step: "step", examples: "examples", gradient_evaluations: "gradient evaluations", train_seconds: "training seconds"};
const CONFIG = {responsive: true, displaylogo: false, modeBarButtons: [["toImage", "resetScale2d"]]};
const state = {axis: "step", scale: "log", hidden: new Set()};
const plots = [...document.querySelectorAll(".plot")];
const keys = [...document.querySelectorAll("[data-series]")];
const choices = [...document.querySelectorAll("[data-choice]")];
const dark = window.matchMedia("(prefers-color-scheme: dark)");
for (const plot of plots) plot.panel = JSON.parse(plot.nextElementSibling.textContent);

function layout(panel) { // plotly's layout of a Figure (drawing/figure.py), in the colours of the page
  const css = getComputedStyle(document.body);
  const [text, soft, rule, page] = ["--text", "--soft", "--rule", "--page"].map((name) => css.getPropertyValue(name).trim());
  const log = panel.scale === "log" || (panel.scale === "loss" && state.scale === "log");
  const axis = {gridcolor: rule, linecolor: rule, zeroline: false, automargin: true, exponentformat: "power"};
  const title = {text: panel.x || AXIS_TITLES[state.axis], font: {size: 12, color: soft}};
  let x = {exponentformat: "SI"};
  let y = {type: log ? "log" : "linear", nticks: 6, dtick: log ? logTicks(panel) : undefined};
  if (panel.plane) x = y = {range: panel.plane};
  else if (panel.x) x = {type: "log", tickvals: ticksAt(panel.traces.flatMap((trace) => trace.x))};
  return {
    xaxis: {...axis, title, ...x},
    yaxis: {...axis, ...y},
    shapes: panel.levels.map(([y, text]) => ({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: {color: soft, width: 1, dash: "dash"},
      label: {text, textposition: "start", yanchor: "bottom", font: {size: 11, color: soft}},
    })),
    margin: {l: 52, r: 12, t: 10, b: 44}, showlegend: false, hovermode: "closest",
    hoverlabel: {bgcolor: page, bordercolor: rule, font: {color: text, size: 12}},
    modebar: {bgcolor: "transparent", color: soft, activecolor: text},
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", font: {family: css.fontFamily, size: 12, color: soft},
  };
}

function ticksAt(values) { // a tick at each value, unless there are too many
  const distinct = [...new Set(values)];
  return distinct.length <= 8 ? distinct : undefined;
}

function logTicks(panel) { // ticks at 1, 2 and 5 of each decade if the values span between one and three decades
  let [low, high] = [Infinity, 0];
  for (const trace of panel.traces) for (const y of trace.y) [low, high] = [Math.min(low, y), Math.max(high, y)];
  return high / low > 10 && high / low < 1e3 ? "D2" : undefined;
}

function draw() { // redraw all plots and buttons from `state`
  for (const plot of plots) {
    const traces = plot.panel.traces.map((trace) => (
      {...trace, x: trace.x || trace.xs[state.axis], visible: !state.hidden.has(trace.series)}));
    Plotly.react(plot, traces, layout(plot.panel), CONFIG);
  }
  for (const key of keys) key.setAttribute("aria-pressed", !state.hidden.has(key.dataset.series));
  for (const button of choices) button.setAttribute("aria-pressed", state[button.dataset.choice] === button.dataset.value);
}

for (const button of choices) button.addEventListener("click", () => {
  state[button.dataset.choice] = button.dataset.value;
  draw();
});
for (const key of keys) {
  const label = key.dataset.series;
  key.addEventListener("click", () => {
    state.hidden.has(label) ? state.hidden.delete(label) : state.hidden.add(label);
    draw();
  });
  key.addEventListener("dblclick", () => { // show this series only, or all again
    const others = [...key.parentElement.querySelectorAll("[data-series]")].map((one) => one.dataset.series).filter((one) => one !== label);
    const alone = others.every((one) => state.hidden.has(one));
    for (const one of others) alone ? state.hidden.delete(one) : state.hidden.add(one);
    state.hidden.delete(label);
    draw();
  });
}
dark.addEventListener("change", draw);
draw();
