// Smoothing: a weighted mean of the points near each one, of their logarithms on a logarithmic axis.
// The weights are those of a normal distribution over x, whose width is up to a tenth of the line's length.
function smoothed(x, y, amount, log) {
  const width = (amount / 100) ** 2 * 0.1 * (x[x.length - 1] - x[0]);
  if (!(width > 0)) return y;
  const source = log ? Float64Array.from(y, Math.log) : y;
  const found = new Float64Array(y.length);
  for (let i = 0, first = 0; i < x.length; i++) {
    while (x[first] < x[i] - 3 * width) first++;
    let sum = 0, total = 0;
    for (let j = first; j < x.length && x[j] <= x[i] + 3 * width; j++) {
      const weight = Math.exp(-0.5 * ((x[j] - x[i]) / width) ** 2);
      sum += weight * source[j];
      total += weight;
    }
    found[i] = log ? Math.exp(sum / total) : sum / total;
  }
  return found;
}
