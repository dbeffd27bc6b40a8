// The values of all lines at the pointer, in order of value. They are listed below the plot, where they cover no line.
const UNDER_AXIS = 22; // pixels of the title of the x axis that the list replaces, see .values in charts.css.jinja

function listValues(plot, points) {
  const list = partOfPanel(plot, ".values"), known = points.filter(({y, text}) => Number.isFinite(y) && text !== "").sort((a, b) => b.y - a.y);
  list.hidden = !known.length;
  if (list.hidden) return;
  const title = document.createElement("span");
  title.textContent = `${AXES[state.axis]} ${Number(known[0].x.toPrecision(6)).toLocaleString("en")}`;
  list.replaceChildren(title, ...known.map(valueOf));
  const overlap = plot.getBoundingClientRect().bottom - UNDER_AXIS + list.offsetHeight > window.innerHeight;
  list.style.transform = overlap ? `translateY(${UNDER_AXIS - plot.offsetHeight - list.offsetHeight}px)` : ""; // above the plot
}

function valueOf({y, customdata, text, fullData: {name, line, marker}}) { // of a line, or the text of a mark
  const item = document.createElement("span"), swatch = document.createElement("i");
  if (text) return item.append(text), item;
  const {color, dash = "solid"} = line ?? marker; // a line with a single point is a marker
  swatch.style.borderTopColor = color;
  swatch.style.borderTopStyle = dash === "solid" ? "solid" : dash.includes("dot") ? "dotted" : "dashed";
  const raw = customdata === undefined ? "" : ` (raw ${short(customdata)})`;
  item.append(swatch, `${name}: ${short(y)}${raw}`);
  return item;
}

const short = (value) => String(Number(value.toPrecision(4)));
