// The layout of a plot: axes, the range of y, horizontal levels, subplots.
const HEIGHT = 320, SUBPLOT_HEIGHT = 210;
const PRINT_WIDTH = 690; // that of a page of A4 with margins of 12 mm, in pixels

const touch = window.matchMedia("(pointer: coarse)"); // there, dragging scrolls the page

const widthOf = (plot) => printing ? PRINT_WIDTH : plot.clientWidth;

function baseLayout(colors) {
  return {
    margin: {l: 56, r: 12, t: 10, b: 44}, showlegend: false, hovermode: "closest", dragmode: touch.matches ? false : "zoom", height: HEIGHT, autosize: true,
    hoverlabel: {bgcolor: colors.page, bordercolor: colors.rule, font: {color: colors.text, size: 12}, namelength: -1},
    modebar: {bgcolor: "transparent", color: colors.soft, activecolor: colors.text},
    paper_bgcolor: colors.page, plot_bgcolor: colors.page, font: {family: getComputedStyle(document.body).fontFamily, size: 12, color: colors.soft},
    legend: {font: {color: colors.text}}, shapes: [], annotations: [],
  };
}

function axisLayout(colors) {
  return {gridcolor: colors.rule, linecolor: colors.rule, zeroline: false, automargin: true, exponentformat: "power", tickfont: {color: colors.soft}};
}

function levelShapes(figure, colors, axes = [["x", "y"]], range = undefined) {
  const isHigh = (y) => range && (isLog(figure) ? Math.log10(y) : y) > range[0] + 0.95 * (range[1] - range[0]); // no room above the line
  return figure.levels.flatMap(([y, text]) => axes.map(([, axis], i) => ({
    type: "line", xref: axis.replace("y", "x") + " domain", yref: axis, x0: 0, x1: 1, y0: y, y1: y, line: {color: colors.soft, width: 1, dash: "dash"},
    label: i ? undefined : {text, textposition: "start", yanchor: isHigh(y) ? "top" : "bottom", font: {size: 11, color: colors.soft}},
  })));
}

function figureLayout(figure) { // of a plot other than of curves
  const colors = pageColors(), axis = axisLayout(colors), log = isLog(figure);
  const title = (text) => ({text, font: {size: 12, color: colors.soft}});
  let x = {title: title(figure.x), type: figure.xScale}, y = {type: log ? "log" : "linear", nticks: 6, title: figure.y ? title(figure.y) : undefined};
  if (figure.plane) x = {range: figure.plane, title: title(figure.x)}, y = {range: figure.plane};
  else if (figure.xScale === "log") x.tickvals = ticksAt(figure.traces);
  const own = inked(figure.layout), axes = {xaxis: {...axis, ...x}, yaxis: {...axis, ...y}};
  for (const key of Object.keys(own).filter((name) => /^[xy]axis/.test(name))) own[key] = {...axes[key] ?? axis, ...own[key]};
  for (const note of own.annotations ?? []) note.font = {size: 12, color: colors.text, ...note.font};
  return {...baseLayout(colors), ...axes, shapes: levelShapes(figure, colors), ...own};
}

function ticksAt(traces) { // a tick at each value of lines with points, unless there are too many
  const of = (mode) => traces.filter((trace) => trace.mode === mode).flatMap(({x}) => x), points = of("lines+markers");
  const distinct = [...new Set(points.length ? [...points, ...of("markers")] : [])];
  return distinct.length && distinct.length <= 8 ? distinct : undefined;
}

function curveLayout(drawn, plot) {
  const {figure, split, axes, log} = drawn, colors = pageColors(), axis = axisLayout(colors);
  const zoom = state.zoom[figure.section], range = drawn.range;
  const x = {...axis, exponentformat: "SI", showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "dot",
    spikecolor: colors.soft, spikesnap: "hovered data", ...(zoom || drawn.inView.length ? {range: [...(zoom ?? extent(drawn.inView.map(({x}) => [x[0], x[x.length - 1]])))]} : {})};
  const y = {...axis, layer: "below traces", type: log ? "log" : "linear", nticks: 6, ...logTicks(range && log ? range[1] - range[0] : 0), ...(range ? {range: [...range]} : {})};
  const title = {text: AXES[state.axis], font: {size: 12, color: colors.soft}};
  const layout = {...baseLayout(colors), hovermode: "x unified", hoverdistance: hoverDistance(drawn, plot)};
  if (!split) return {...layout, xaxis: {...x, title}, yaxis: y, shapes: levelShapes(figure, colors, undefined, range)};
  return {...layout, ...subplots(drawn, plot, x, y, title, colors)};
}

function logTicks(decades) { // 1, 2 and 5 of each decade, or whole decades
  if (decades <= 1) return {};
  return decades < 3 ? {dtick: "D2", tickformat: "~g"} : {dtick: Math.ceil(decades / 6)};
}

function hoverDistance(drawn, plot) { // in pixels: about the distance of neighbouring points, so that a line is listed along its length only
  const most = Math.max(2, ...drawn.inView.map(({x}) => x.length));
  return Math.max(20, Math.ceil(0.7 * (widthOf(plot) - 68) / (most - 1)));
}

function subplots({figure, axes}, plot, x, y, title, colors) {
  const count = Math.max(1, axes.size), columns = Math.min(count, Math.max(1, Math.min(4, Math.floor(widthOf(plot) / 300))));
  const rows = Math.ceil(count / columns), gap = 0.02, high = SUBPLOT_HEIGHT * rows, names = sectionOf(figure).entries;
  const found = {annotations: [], height: high + 90, margin: {l: 56, r: 12, t: 26, b: 48}};
  const pairs = [];
  for (const [entry, number] of axes) {
    const row = Math.floor((number - 1) / columns), column = (number - 1) % columns, id = number > 1 ? number : "";
    const left = column / columns + (column ? gap / 2 : 0), right = (column + 1) / columns - (column < columns - 1 ? gap / 2 : 0);
    const top = 1 - row / rows - (row ? 24 / high : 0), bottom = 1 - (row + 1) / rows + (row < rows - 1 ? 12 / high : 0);
    const last = number + columns > count;
    found[`xaxis${id}`] = {...x, domain: [left, right], anchor: `y${id}`, showticklabels: last, ...(last ? {title} : {}), ...(id ? {matches: "x"} : {})};
    found[`yaxis${id}`] = {...y, domain: [bottom, top], anchor: `x${id}`, showticklabels: !column, ...(id ? {matches: "y"} : {})};
    found.annotations.push({text: subplotTitle(figure, entry, names[entry]), xref: "paper", yref: "paper", x: left, y: top, xanchor: "left",
      yanchor: "bottom", showarrow: false, font: {size: 12, color: colors.text}});
    pairs.push([`x${id}`, `y${id}`]);
  }
  return {...found, shapes: levelShapes(figure, colors, pairs, y.range)};
}

function subplotTitle(figure, entry, {name}) { // with the range of the learning rates and the selected one
  const lines = Object.values(sectionOf(figure).lines).filter((line) => line.entry === entry && line.rate !== null);
  const rates = lines.map(({rate}) => rate), [low, high] = [Math.min(...rates), Math.max(...rates)];
  const text = (rate) => String(Number(rate.toPrecision(2))), selected = lines.find((line) => line.selected);
  if (!(low < high)) return `<b>${escaped(name)}</b>`;
  return `<b>${escaped(name)}</b>  lr ${text(low)} to ${text(high)}` + (selected ? `, thick: ${text(selected.rate)}` : "");
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
