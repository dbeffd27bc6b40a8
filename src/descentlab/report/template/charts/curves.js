// The traces of a figure of curves. `together`: the selected series of each entry, the others faint behind them.
// `split`: a subplot for each entry with all of its series, in shades of its colour by learning rate.
const MOST_LINES = 30; // of a subplot, each with a name; more are drawn as one trace for each of SHADES shades
const SHADES = 12;

function curveTraces(figure, plot) {
  const {lines, entries} = sectionOf(figure);
  const shown = figure.curves.map((curve) => ({curve, line: lines[curve.line]})).filter(({line}) => !isHidden(figure, line.entry));
  const axes = new Map(); // entry -> number of its subplot
  const split = isSplit(figure);
  if (split) entries.forEach((_, i) => shown.some(({line}) => line.entry === i) && axes.set(i, axes.size + 1));
  const drawn = {figure, split, axes, log: isLog(figure), traces: [], inView: [], marks: [], remarks: new Set()};
  const others = shown.filter(({line}) => !line.selected && (line.entry >= 0 || !split));
  if (split) addShades(drawn, others);
  else if (state.others === "faint") addFaint(drawn, others);
  const selected = shown.filter(({line}) => line.selected);
  for (const one of selected) addLine(drawn, one, split ? 3 : 2);
  drawn.range = plot.yZoom ?? yRange(drawn, state.zoom[figure.section]);
  addMarks(drawn);
  addAlerts(drawn, selected);
  const opacity = split || selected.length <= 2 ? "26" : "18";
  const bands = selected.filter(({curve}) => curve.low).map((one) => band(drawn, one, opacity));
  const hidden = state.bands === "auto" ? reasonToHide(drawn, bands) : "";
  if (hidden) drawn.remarks.add(`95 % bands are hidden: ${hidden}.`);
  else if (state.bands !== "off") drawn.traces.unshift(...bands.map(({trace}) => trace)); // behind the lines
  return drawn;
}

function isSplit(figure) {
  const {lines, entries} = sectionOf(figure);
  return state.view === "split" && Object.keys(lines).length > entries.length;
}

function placed(drawn, line) { // the axes of the subplot
  const number = drawn.axes.get(line.entry);
  return number > 1 ? {xaxis: `x${number}`, yaxis: `y${number}`} : {};
}

function colorOf(drawn, line) {
  return drawn.split ? shade(line.color, line.shade) : ink(line.color);
}

function nameOf(drawn, {curve, line}) {
  const name = drawn.split || !line.selected ? line.name : sectionOf(drawn.figure).entries[line.entry].name;
  return curve.run ? `${line.name}, ${curve.run}` : name;
}

function band(drawn, {curve, line}, opacity) {
  const x = xValues(curve, state.axis), [low, high] = [curve.low, curve.high].map((edge) => smoothed(x, numbers(edge), state.smooth, drawn.log));
  const outline = {x: [...x, ...Array.from(x).reverse()], y: [...high, ...Array.from(low).reverse()]};
  const fill = {fill: "toself", fillcolor: ink(line.color) + opacity, line: {width: 0}};
  return {low, high, trace: {type: "scatter", mode: "lines", ...outline, ...fill, hoverinfo: "skip", showlegend: false, ...placed(drawn, line)}};
}

function reasonToHide(drawn, bands) { // why bands would make a plot unreadable; "" if they would not
  const range = drawn.range, scale = drawn.log ? Math.log10 : (y) => y;
  if (bands.length > MOST_BANDS) return `more than ${MOST_BANDS} lines`;
  if (!range || !bands.length) return "";
  const within = (y) => Math.min(range[1], Math.max(range[0], scale(y)));
  const covered = bands.map(({low, high}) => low.reduce((sum, y, i) => sum + within(high[i]) - within(y), 0) / low.length / (range[1] - range[0]));
  const most = MOST_COVERED * Math.max(1, drawn.axes.size);
  return covered.reduce((sum, each) => sum + each, 0) < most ? "" : "they would cover the plot";
}

function addLine(drawn, one, width) {
  const {curve, line} = one;
  const x = xValues(curve, state.axis), raw = numbers(curve.y);
  const style = {color: colorOf(drawn, line), dash: drawn.split ? "solid" : line.dash, width: curve.run ? 1.2 : width};
  const common = {type: "scatter", mode: "lines", x, line: style, ...placed(drawn, line)};
  const y = curve.run ? raw : smoothed(x, raw, state.smooth, drawn.log);
  if (state.smooth && !curve.run && y === raw) drawn.remarks.add(`Lines with fewer than ${FEWEST_SMOOTHED} points are not smoothed.`);
  if (y !== raw) drawn.traces.push({...common, y: raw, opacity: 0.3, line: {...style, width: 1}, hoverinfo: "skip", showlegend: false});
  if (curve.mark) drawn.marks.push({x: x[x.length - 1], y: y[y.length - 1], symbol: curve.mark, size: 9, color: style.color, line, text: ""}); // its line is listed
  drawn.traces.push({
    ...common, y, name: nameOf(drawn, one), mode: x.length === 1 && !curve.mark ? "markers" : "lines",
    opacity: curve.run ? 0.7 : 1, customdata: y === raw ? undefined : raw, hoverinfo: "none", // its values are listed below the plot
  });
  drawn.inView.push({x, y, complete: !curve.run, selected: line.selected});
}

function addFaint(drawn, others) { // one trace for each entry: the lines with gaps between them
  for (const [, group] of grouped(others, ({line}) => line.entry))
    addMerged(drawn, group, {color: ink(group[0].line.color), width: 1}, 0.3, ""); // without a name, and so not in the legend of an export
}

function addShades(drawn, others) {
  for (const [, group] of grouped(others, ({line}) => line.entry)) {
    if (group.length <= MOST_LINES) for (const one of group) addLine(drawn, one, 1.3);
    else for (const [, alike] of grouped(group, ({line}) => Math.round(line.shade * (SHADES - 1))))
      addMerged(drawn, alike, {color: colorOf(drawn, alike[0].line), width: 1}, 0.7, alike[0].line.name);
  }
}

function addMerged(drawn, group, style, opacity, name) {
  const x = [], y = [];
  for (const {curve, line} of group) {
    const [xs, ys] = [xValues(curve, state.axis), numbers(curve.y)];
    for (let i = 0; i < xs.length; i++) x.push(xs[i]), y.push(ys[i]);
    x.push(null), y.push(null);
    if (curve.mark) drawn.marks.push({x: xs[xs.length - 1], y: ys[ys.length - 1], symbol: curve.mark, size: 6, color: mixed(style.color, pageColors().page, 1 - opacity), line, text: `${line.name}, ${curve.run}`});
    drawn.inView.push({x: xs, y: ys, complete: !curve.run, selected: false});
  }
  const common = {type: "scatter", hoverinfo: "skip", opacity, name, ...placed(drawn, group[0].line)};
  drawn.traces.push({...common, mode: "lines", x, y, line: style});
}

function addMarks(drawn) { // the ends of runs that did not complete; those above or below the range are on its edge
  const zoom = state.zoom[drawn.figure.section] ?? [-Infinity, Infinity], scale = drawn.log ? (y) => 10 ** y : (y) => y;
  const [low, high] = drawn.range ? drawn.range.map(scale) : [-Infinity, Infinity];
  const inside = drawn.marks.filter(({x}) => x >= zoom[0] && x <= zoom[1]);
  for (const [, group] of grouped(inside, ({line}) => drawn.axes.get(line.entry))) {
    const of = (key) => group.map((mark) => mark[key]), y = of("y").map((each) => Math.min(high, Math.max(low, each)));
    drawn.traces.push({type: "scatter", mode: "markers", x: of("x"), y, marker: {symbol: of("symbol"), size: of("size"), color: of("color")},
      text: of("text"), cliponaxis: false, hoverinfo: "none", showlegend: false, ...placed(drawn, group[0].line)});
  }
}

function addAlerts(drawn, selected) { // above the x axis, at the step since which an alert is visible; a row for each series
  const zoom = state.zoom[drawn.figure.section] ?? [-Infinity, Infinity];
  const [low, high] = drawn.range ?? [0, 0], within = (share) => low + share * (high - low);
  let row = 0;
  for (const [label, alerts] of grouped(sectionOf(drawn.figure).alerts ?? [], ({line}) => line)) {
    const one = selected.find(({curve}) => curve.line === label);
    if (!one) continue;
    const last = xValues(one.curve, "step").at(-1), steps = [...grouped(alerts, ({step}) => Math.min(step, last))];
    const x = onAxis(one.curve, state.axis, Float64Array.from(steps.map(([step]) => step)));
    const shown = steps.map(([, those], i) => ({x: x[i], text: those.map(({text}) => text).join("; ")})).filter(({x}) => x >= zoom[0] && x <= zoom[1]);
    const at = within(0.025 + 0.05 * (drawn.split ? 0 : row++)), y = drawn.log ? 10 ** at : at;
    drawn.traces.push({type: "scatter", mode: "markers", x: shown.map(({x}) => x), y: shown.map(() => y), text: shown.map(({text}) => text),
      marker: {symbol: "triangle-up", size: 12, color: colorOf(drawn, one.line), line: {width: 1, color: pageColors().page}},
      cliponaxis: false, hoverinfo: "none", showlegend: false, ...placed(drawn, one.line)});
  }
}

function grouped(items, key) {
  const found = new Map();
  for (const item of items) found.has(key(item)) ? found.get(key(item)).push(item) : found.set(key(item), [item]);
  return found;
}
