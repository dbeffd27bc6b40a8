// Drawing: a plot is drawn when it comes into view, and again when the reader's choices change.
const CONFIG = {responsive: true, displaylogo: false, displayModeBar: false, doubleClick: false};
const plots = [...document.querySelectorAll(".plot[data-figure]")];
const visible = new Set();
const stale = new Set(plots); // to be drawn when they come into view

function content(plot) { // the traces and the layout of a plot, and remarks on what is not drawn as chosen
  const figure = header.figures[plot.dataset.figure];
  if (figure.curves) {
    const drawn = curveTraces(figure, plot);
    return {data: drawn.traces, layout: curveLayout(drawn, plot), remarks: [...drawn.remarks]};
  }
  return {data: figure.traces.flatMap((trace) => plain(figure, trace)), layout: figureLayout(figure), remarks: []};
}

function plain(figure, {series, ...trace}) { // a trace of another figure, as the reader's choices have it; [] for one that is hidden
  const section = sectionOf(figure), line = section.lines[series];
  const entry = line ? line.entry : section.entries.findIndex(({name}) => name === series);
  if (entry >= 0 && isHidden(figure, entry)) return trace.type === "heatmap" ? [{...trace, opacity: 0, hoverinfo: "skip", hovertemplate: ""}] : []; // its axes need it
  const other = line && !line.selected && section.entries.length;
  if (other && state.others === "off" && state.view !== "split") return [];
  return [inked(other ? {...trace, opacity: 0.35} : trace)];
}

const partOfPanel = (plot, selector) => plot.parentElement.querySelector(selector); // another part of the panel

async function draw(plot) {
  stale.delete(plot);
  const figure = header.figures[plot.dataset.figure], wide = Boolean(figure.curves) && isSplit(figure) && sectionOf(figure).entries.length > 1;
  plot.closest(".panel")?.classList.toggle("spread", wide);
  const {data, layout, remarks} = content(plot), remark = partOfPanel(plot, ".remark");
  remark.textContent = remarks.join(" ");
  remark.hidden = !remarks.length;
  if (printing) layout.width = PRINT_WIDTH;
  plot.style.height = `${layout.height}px`;
  const first = !plot.classList.contains("js-plotly-plot");
  await Plotly.react(plot, data, layout, CONFIG);
  if (first) link(plot, figure);
}

function redraw(which = plots) { // those in view now, the others when they come into view
  for (const plot of which) stale.add(plot);
  return Promise.all([...visible].filter((plot) => stale.has(plot)).map(draw));
}

function watch() { // returns once the plots that are in view at first are drawn
  return new Promise((resolve) => {
    const observer = new IntersectionObserver((entries) => {
      for (const {target, isIntersecting} of entries) isIntersecting ? visible.add(target) : visible.delete(target);
      Promise.all([...visible].filter((plot) => stale.has(plot)).map(draw)).then(resolve);
    }, {rootMargin: "300px 0px"});
    for (const plot of plots) observer.observe(plot);
    if (!plots.length) resolve();
  });
}
