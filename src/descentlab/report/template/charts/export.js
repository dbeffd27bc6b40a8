// Export of a figure as a file, with its title and a legend, which the page shows elsewhere.
const EXPORT_WIDTH = 900;

async function exported(plot, format) {
  if (stale.has(plot)) await draw(plot);
  const {data, layout} = content(plot), title = header.figures[plot.dataset.figure].title;
  const named = data.map((trace) => ({...trace, showlegend: trace.showlegend !== false && Boolean(trace.name)}));
  const text = {text: escaped(title), x: 0.02, xanchor: "left", y: 0.98, yanchor: "top", font: {size: 15, color: pageColors().text}};
  const height = layout.height + 60, legend = {...layout.legend, orientation: "h", y: -0.18, yanchor: "top"};
  const figure = {data: named, layout: {...layout, title: text, showlegend: named.some((trace) => trace.showlegend), legend, height, width: EXPORT_WIDTH, margin: {...layout.margin, t: layout.margin.t + 40}}};
  const url = await Plotly.toImage(figure, {format, width: EXPORT_WIDTH, height, scale: format === "png" ? 2 : 1});
  const link = document.createElement("a");
  link.href = url;
  link.download = `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}.${format}`;
  link.click();
}
