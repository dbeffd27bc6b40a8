// The range of y: that of the selected lines, or of their last part. Other lines extend it by a limited amount,
// so that a run that diverged does not flatten them.
function yRange(drawn, zoom) {
  const scale = drawn.log ? Math.log10 : (y) => y;
  const complete = drawn.inView.filter((line) => line.complete && line.selected);
  const basis = complete.length ? complete : drawn.inView;
  const [start, end] = zoom ?? extent(basis.map(({x}) => extent([[x[0], x[x.length - 1]]])));
  const from = state.focus === "end" ? (start + end) / 2 : start;
  const core = extent(basis.map((line) => valuesBetween(line, from, end, scale)));
  if (!(core[0] <= core[1])) return undefined;
  const size = core[1] - core[0] || Math.abs(core[0]) * 0.1 || 1;
  const limits = [core[0] - size / 4, core[1] + size / 4];
  const further = drawn.inView.filter((line) => !basis.includes(line) && (line.selected || drawn.split));
  const ranges = state.focus === "end" ? [core] : [core, ...further.map((line) => clipped(valuesBetween(line, from, end, scale), limits))];
  const levels = drawn.figure.levels.map(([y]) => scale(y)).filter((y) => y > core[0] - size / 2 && y < core[1] + size / 2);
  const [low, high] = extent([...ranges, ...levels.map((y) => [y, y])]);
  const margin = 0.05 * (high - low) || 0.05 * size;
  return [low - margin, high + margin];
}

function extent(pairs) {
  let [low, high] = [Infinity, -Infinity];
  for (const [a, b] of pairs) low = Math.min(low, a), high = Math.max(high, b);
  return [low, high];
}

function valuesBetween({x, y}, from, to, scale) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < x.length; i++) {
    const value = scale(y[i]);
    if (x[i] >= from && x[i] <= to && Number.isFinite(value)) low = Math.min(low, value), high = Math.max(high, value);
  }
  return [low, high];
}

const clipped = ([low, high], limits) => [Math.max(low, limits[0]), Math.min(high, limits[1])];
