// Smoothing: a weighted mean of the points near each one, of their logarithms on a logarithmic axis.
// The weights are those of a normal distribution over x. Its width is up to a tenth of the line's length, and up to 1.5 times
// the distance between points, so that lines with few points are smoothed too.
const FEWEST_SMOOTHED = 3; // points

function smoothed(x, y, amount, log) {
  const share = amount / 100, length = x[x.length - 1] - x[0];
  const width = Math.max(share ** 2 * 0.1 * length, share * 1.5 * length / (x.length - 1));
  if (x.length < FEWEST_SMOOTHED || !(width > 0)) return y;
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
