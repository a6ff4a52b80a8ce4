// The calendar heat map: one canvas. Rows are what the page lists, columns are days; the data is in the page.
"use strict";
(() => {
  const DAY = 86400000;
  const figure = document.querySelector("[data-heat]");
  if (!figure) return;
  const started = performance.now();
  const data = JSON.parse(document.getElementById(figure.dataset.heat).textContent);
  const canvas = figure.querySelector("canvas"), scroll = figure.querySelector(".heat-scroll"), readout = figure.querySelector(".readout");
  // Names have a canvas of their own, which stays in view while the days are scrolled.
  const names = document.createElement("canvas");
  names.className = "heat-labels"; names.setAttribute("aria-hidden", "true");
  scroll.prepend(names);
  const first = Date.parse(data.first + "T00:00:00Z");
  const wording = { s: "all stored", m: "some missing", M: "all missing", e: "none has rows", n: "not exported yet", g: "good", d: "degraded", b: "bad", u: "not checked", " ": "nothing expected" };
  const measure = { due: "partitions due", stored: "partitions stored", rows: "rows", bytes: "bytes" }[data.measure];
  const most = Math.max(1, ...data.rows.map(row => Math.max(0, ...row.values)));
  const grouped = number => number.toLocaleString("en-US");
  const dayOf = column => new Date(first + column * DAY).toISOString().slice(0, 10);
  let cursor = null, size = {};

  function measureSize() {
    const width = scroll.clientWidth;
    const context = canvas.getContext("2d");
    context.font = "13px system-ui, sans-serif";
    const longest = Math.max(...data.rows.map(row => context.measureText(row.label).width));
    const left = Math.ceil(Math.min(longest + 12, width * 0.42));
    const fit = Math.floor((width - left - 2) / data.days);
    const cell = Math.max(data.days > 60 ? 3 : 8, Math.min(data.days > 7 ? 28 : 64, fit));
    const high = Math.max(14, Math.min(24, data.days > 60 ? 16 : cell));
    size = { left, cell, high, gap: cell > 6 ? 1 : 0, top: 22, width: Math.max(width - left, cell * data.days + 2), height: 22 + data.rows.length * (high + 2) + 4 };
  }

  function hatch(context, colour, ground) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const small = tile.getContext("2d");
    small.fillStyle = ground; small.fillRect(0, 0, 6, 6);
    small.strokeStyle = colour; small.lineWidth = 2.4;
    small.beginPath();
    for (const shift of [-6, 0, 6]) { small.moveTo(shift, 6); small.lineTo(shift + 6, 0); }
    small.stroke();
    return context.createPattern(tile, "repeat");
  }

  function short(context, text, width) {
    if (context.measureText(text).width <= width) return text;
    // The middle is left out: keys differ at their ends.
    const cut = kept => text.slice(0, Math.ceil(kept / 2)) + "…" + text.slice(text.length - Math.floor(kept / 2));
    let low = 0, high = text.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(cut(middle)).width <= width) low = middle; else high = middle - 1;
    }
    return cut(low);
  }

  function draw() {
    measureSize();
    const style = getComputedStyle(document.documentElement), colour = name => style.getPropertyValue("--" + name).trim();
    const { left, cell, high, gap, top, width, height } = size, sharp = window.devicePixelRatio || 1;
    const sized = (element, wide) => {
      element.width = Math.round(wide * sharp); element.height = Math.round(height * sharp);
      element.style.width = wide + "px"; element.style.height = height + "px";
      const context = element.getContext("2d");
      context.scale(sharp, sharp);
      context.textBaseline = "middle";
      return context;
    };
    const context = sized(canvas, width), written = sized(names, left);
    context.font = "12px system-ui, sans-serif"; written.font = "13px system-ui, sans-serif"; written.fillStyle = colour("text");
    const there = colour("there"), fault = colour("fault"), card = colour("card"), none = colour("none"), bad = colour("bad"), warn = colour("warn"), later = colour("later"), track = colour("code");
    const hatched = hatch(context, fault, card);
    const side = cell - gap;
    context.fillStyle = colour("quiet");
    // A label a month, or a day where there is room for it.
    let free = 0;
    for (let column = 0; column < data.days; column++) {
      const day = dayOf(column), isMonth = day.endsWith("-01");
      if (!(isMonth || column === 0 || (cell >= 20 && data.days <= 31))) continue;
      const x = column * cell, text = isMonth || column === 0 ? day.slice(0, 7) : day.slice(8);
      if (x < free || x + context.measureText(text).width > width) continue;
      context.fillText(text, x, 10);
      free = x + context.measureText(text).width + 8;
    }
    data.rows.forEach((row, place) => {
      const y = top + place * (high + 2);
      written.fillText(short(written, row.label, left - 10), 0, y + high / 2);
      for (let column = 0; column < data.days; column++) {
        const letter = row.letters[column], x = column * cell;
        context.globalAlpha = 1;
        if (letter === " ") { context.fillStyle = track; context.fillRect(x, y, side, high); continue; }
        if (letter === "M") { context.fillStyle = hatched; context.fillRect(x, y, side, high); continue; }
        if (letter === "n") { context.strokeStyle = later; context.lineWidth = 1; context.strokeRect(x + 0.5, y + 0.5, Math.max(1, side - 1), high - 1); continue; }
        if (letter === "e" || letter === "u") { context.fillStyle = none; context.fillRect(x, y, side, high); continue; }
        if (letter === "b") { context.fillStyle = bad; context.fillRect(x, y, side, high); continue; }
        context.fillStyle = there;
        if (data.scale) context.globalAlpha = 0.18 + 0.82 * Math.log1p(row.values[column]) / Math.log1p(most);
        context.fillRect(x, y, side, high);
        context.globalAlpha = 1;
        if (letter === "m") { corner(context, x, y, side, high, fault); }
        if (letter === "d") { context.fillStyle = warn; context.fillRect(x, y, Math.max(1, side / 2), high); }
      }
    });
    context.globalAlpha = 1;
    if (cursor) {
      context.strokeStyle = colour("focus"); context.lineWidth = 2;
      context.strokeRect(cursor.column * cell - 1, top + cursor.row * (high + 2) - 1, cell + 1, high + 2);
    }
  }

  // A triangle at the foot: part of the day is missing.
  function corner(context, x, y, side, high, colour) {
    context.fillStyle = colour;
    context.beginPath();
    context.moveTo(x, y + high); context.lineTo(x + side, y + high); context.lineTo(x + side, y);
    context.fill();
  }

  function tell() {
    const row = data.rows[cursor.row], column = cursor.column, letter = row.letters[column];
    let text = `${dayOf(column)}, ${row.label}: ${wording[letter]}`;
    if (letter !== " ") text += `, ${grouped(row.values[column])} ${measure}`;
    const fault = row.faults[column];
    if (fault) ["missing", "bad", "degraded"].forEach((name, place) => { if (fault[place]) text += `, ${grouped(fault[place])} ${name}`; });
    readout.textContent = text;
  }

  function go() {
    const [base, query = ""] = data.rows[cursor.row].href.split("?");
    const wanted = new URLSearchParams(query), day = dayOf(cursor.column), venue = wanted.get("venue");
    if (base.startsWith("/instruments/")) location.href = `${base}?start=${day}&end=${day}`;
    else location.href = `/days/${day}` + (venue ? "/" + encodeURIComponent(venue) : "");
  }

  function at(event) {
    const box = canvas.getBoundingClientRect(), { cell, high, top } = size;
    const column = Math.floor((event.clientX - box.left) / cell), row = Math.floor((event.clientY - box.top - top) / (high + 2));
    return column >= 0 && column < data.days && row >= 0 && row < data.rows.length ? { row, column } : null;
  }

  canvas.addEventListener("pointermove", event => { const cell = at(event); if (cell) { cursor = cell; draw(); tell(); } });
  canvas.addEventListener("click", event => {
    const cell = at(event);
    if (cell) { cursor = cell; go(); }
  });
  const named = event => data.rows[Math.floor((event.clientY - names.getBoundingClientRect().top - size.top) / (size.high + 2))];
  names.addEventListener("pointermove", event => { const row = named(event); names.title = row ? row.label : ""; });
  names.addEventListener("click", event => { const row = named(event); if (row) location.href = row.href; });
  canvas.addEventListener("keydown", event => {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], PageUp: [0, -30], PageDown: [0, 30] };
    if (event.key === "Enter" && cursor) { go(); return; }
    const clamp = (value, most) => Math.max(0, Math.min(most, value));
    if (event.key === "Home" || event.key === "End") cursor = { row: cursor?.row ?? 0, column: event.key === "Home" ? 0 : data.days - 1 };
    else if (steps[event.key]) {
      const [down, right] = steps[event.key];
      cursor = cursor ? { row: clamp(cursor.row + down, data.rows.length - 1), column: clamp(cursor.column + right, data.days - 1) } : { row: 0, column: data.days - 1 };
    } else return;
    event.preventDefault();
    draw(); tell();
    scroll.scrollLeft = Math.max(0, cursor.column * size.cell - (scroll.clientWidth - size.left) / 2);
  });
  window.addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
  scroll.scrollLeft = scroll.scrollWidth;
  if (scroll.scrollLeft > 0) readout.firstElementChild?.append(" Earlier days are to the left: the calendar scrolls sideways.");
  figure.dataset.drawn = (performance.now() - started).toFixed(1);
})();
