// The library and the data stand in the page compressed; their format is that of report/drawing/payload.py.
async function unpacked(id) {
  const text = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function loadLibrary() {
  if (window.Plotly) return; // a file that several pages share
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(await unpacked("charts-library"));
  document.head.append(script);
}

let header = {figures: [], sections: [], dark: {}};
let values = new Float32Array(0);

async function loadData() {
  const bytes = await unpacked("charts-data");
  const start = 4 + new DataView(bytes.buffer).getUint32(0, true);
  header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, start)));
  const count = (bytes.length - start) / 4;
  const plain = new Uint8Array(4 * count); // the payload has the first bytes of all values, then the second ones, and so on
  for (let plane = 0; plane < 4; plane++)
    for (let i = 0, at = start + plane * count; i < count; i++) plain[4 * i + plane] = bytes[at + i];
  values = new Float32Array(plain.buffer);
}

const numbers = ([start, length]) => values.subarray(start, start + length);

function steps(reference) { // stored as differences
  const found = Float64Array.from(numbers(reference));
  for (let i = 1; i < found.length; i++) found[i] += found[i - 1];
  return found;
}

function xValues(curve, axis) { // the x axes other than the step are interpolated between knots, or proportional to it
  curve.step ??= steps(curve.steps);
  return onAxis(curve, axis, curve.step);
}

function onAxis(curve, axis, ascending) { // the places of steps, a Float64Array, on an x axis
  if (axis === "step") return ascending;
  const stored = curve.axes[axis];
  if (!Array.isArray(stored)) return ascending.map((step) => stored * step);
  const knots = steps(stored[0]), at = numbers(stored[1]);
  let i = 0;
  return ascending.map((step) => {
    while (i < knots.length - 2 && knots[i + 1] < step) i++;
    if (knots.length < 2) return at[0];
    return at[i] + (at[i + 1] - at[i]) * (step - knots[i]) / (knots[i + 1] - knots[i]);
  });
}
