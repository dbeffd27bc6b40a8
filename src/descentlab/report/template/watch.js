// Reloads the page when scripts/report.py --watch has written a newer one, whose version the file next to the page holds.
// A script element reads it, because a page opened from the disk must not read other files.
function descentlabNewest(version) {
  if (version === VERSION_OF_PAGE) return;
  window.dispatchEvent(new Event("beforereload")); // charts/kept.js keeps what the reader has chosen
  location.reload();
}

setInterval(() => {
  const script = document.createElement("script");
  script.src = `report-version.js?${Date.now()}`;
  script.addEventListener("load", () => script.remove());
  script.addEventListener("error", () => script.remove()); // nobody watches the sweep any more
  document.head.append(script);
}, 1000 * SECONDS);
