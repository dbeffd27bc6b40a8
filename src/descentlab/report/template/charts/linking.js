// Zoom and hover are shared by the figures of curves of a section.
function link(plot, figure) {
  if (!figure.curves) return;
  const peers = () => plots.filter((other) => other !== plot && isPeer(other, figure));
  plot.on("plotly_relayout", (change) => {
    const has = (letter) => Object.keys(change).some((key) => new RegExp(`^${letter}axis\\d*\\.range`).test(key));
    if (has("y")) plot.yZoom = plot.layout.yaxis.range.slice();
    if (!has("x")) return;
    state.zoom[figure.section] = plot.layout.xaxis.range.slice();
    redraw([plot, ...peers()]);
  });
  plot.on("plotly_doubleclick", () => {
    delete state.zoom[figure.section];
    for (const each of [plot, ...peers()]) delete each.yZoom;
    redraw([plot, ...peers()]);
  });
  plot.on("plotly_hover", ({event, points, xvals}) => {
    if (!(event instanceof Event)) return; // a hover that another plot caused
    listValues(plot, points);
    for (const other of shown(peers())) {
      Plotly.Fx.hover(other, {xval: xvals[0]}, [subplotOf(other, points[0].xaxis._id)]);
      listValues(other, other._hoverdata ?? []);
    }
  });
  plot.on("plotly_unhover", () => {
    for (const other of shown(peers())) Plotly.Fx.unhover(other);
    for (const each of [plot, ...peers()]) listValues(each, []);
  });
}

function isPeer(plot, {section}) {
  const figure = header.figures[plot.dataset.figure];
  return Boolean(figure.curves) && figure.section === section;
}

const shown = (some) => some.filter((plot) => visible.has(plot) && plot.classList.contains("js-plotly-plot"));

function subplotOf(plot, axis) { // the subplot of the same entry
  const names = plot._fullLayout._subplots.cartesian, name = axis + axis.replace("x", "y");
  return names.includes(name) ? name : names[0];
}
