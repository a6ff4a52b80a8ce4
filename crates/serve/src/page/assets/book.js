// The slider over the snapshots of an hour: ladder, depth and time follow it. All snapshots are in the page.
"use strict";
(() => {
  const slider = document.querySelector("[data-book]");
  if (!slider) return;
  const snapshots = JSON.parse(document.getElementById(slider.dataset.book).textContent);
  const body = document.querySelector("#ladder tbody"), time = document.getElementById("moment-text");
  const SVG = "http://www.w3.org/2000/svg";

  function cell(kind, text, classes) {
    const element = document.createElement(kind);
    element.textContent = text;
    if (classes) element.className = classes;
    if (kind === "th") element.scope = "row";
    return element;
  }

  function row([price, amount], side, most) {
    const line = document.createElement("tr"), bar = document.createElement("td"), svg = document.createElementNS(SVG, "svg"), rect = document.createElementNS(SVG, "rect");
    line.className = side;
    bar.className = "bar-cell";
    svg.setAttribute("viewBox", "0 0 100 14"); svg.setAttribute("preserveAspectRatio", "none"); svg.setAttribute("aria-hidden", "true");
    rect.setAttribute("width", (most > 0 ? amount / most * 100 : 0).toFixed(1)); rect.setAttribute("height", "14");
    svg.append(rect); bar.append(svg);
    line.append(cell("th", side === "ask" ? "▼ ask" : "▲ bid"), cell("td", price, "number"), cell("td", amount, "number"), bar);
    return line;
  }

  function cumulative(levels) {
    let sum = 0;
    return levels.map(([price, amount]) => [price, sum += amount]);
  }

  slider.addEventListener("input", () => {
    const { t, a, b } = snapshots[slider.value], most = Math.max(0, ...a.concat(b).map(level => level[1]));
    time.textContent = t;
    slider.setAttribute("aria-valuetext", t);
    body.replaceChildren(...[...a].reverse().map(level => row(level, "ask", most)), ...b.map(level => row(level, "bid", most)));
    const chart = window.mtdhChart.depth, asks = cumulative(a), bids = cumulative(b).reverse(), data = chart.data;
    data.xs = bids.concat(asks).map(level => level[0]);
    data.panels[0].series[0].y = bids.map(level => level[1]).concat(asks.map(() => null));
    data.panels[0].series[1].y = bids.map(() => null).concat(asks.map(level => level[1]));
    chart.set(data);
  });
})();
