// Charts: candles, bars, lines, steps and points in panels over one x axis, on a canvas. Data is in the page, as JSON in the block
// that data-chart names. Drag zooms, Escape or a double click goes back, arrow keys move the crosshair, + and - zoom.
"use strict";
window.mtdhChart = (() => {
  const grouped = value => value === null || value === undefined ? "–" : Math.abs(value) >= 1e5 ? value.toLocaleString("en-US", { maximumFractionDigits: 0 }) : String(+value.toPrecision(8));
  const MARGIN = { left: 8, right: 84, top: 6, bottom: 24, gap: 14 }, LABEL = 16;
  const STEPS_MS = [1, 5, 10, 50, 100, 500, 1e3, 5e3, 15e3, 3e4, 6e4, 3e5, 9e5, 18e5, 36e5, 72e5, 144e5, 432e5, 864e5, 1728e5, 6048e5, 2592e6, 7776e6, 31536e6];

  function ticks(low, high, count) {
    const rough = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough)), unit = rough / power;
    const step = (unit < 1.5 ? 1 : unit < 3.5 ? 2 : unit < 7.5 ? 5 : 10) * power, all = [];
    for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) all.push(+value.toPrecision(12));
    return all;
  }

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.canvas = figure.querySelector("canvas");
      this.readout = figure.querySelector(".readout");
      this.cursor = null; this.drag = null;
      this.set(JSON.parse(document.getElementById(figure.dataset.chart).textContent));
      this.listen();
    }

    set(data) {
      this.data = data;
      const xs = data.xs, step = data.step || 0;
      this.full = xs.length ? [xs[0] - step * 0.5, xs[xs.length - 1] + step * 1.5] : [0, 1];
      for (const [from, to] of data.shade || []) this.full = [Math.min(this.full[0], from), Math.max(this.full[1], to)];
      if (this.full[0] === this.full[1]) this.full = [this.full[0] - 1, this.full[1] + 1];
      this.view = [...this.full];
      this.cursor = null;
      this.draw();
    }

    x(value) { const [from, to] = this.view; return MARGIN.left + (value - from) / (to - from) * this.inner; }
    value(x) { const [from, to] = this.view; return from + (x - MARGIN.left) / this.inner * (to - from); }
    text(value) {
      if (this.data.x !== "time") return grouped(value);
      const text = new Date(value).toISOString();
      return this.view[1] - this.view[0] > 2e8 ? text.slice(0, 10) : this.view[1] - this.view[0] < 12e4 ? text.slice(11, 23) : text.slice(11, 16);
    }
    // Places of the points in view.
    range() {
      const { xs, step = 0 } = this.data, [from, to] = this.view;
      let first = xs.findIndex(x => x + step >= from);
      if (first < 0) return [0, -1];
      let last = xs.length - 1;
      while (last >= first && xs[last] > to) last--;
      return [first, last];
    }

    draw() {
      const width = this.figure.clientWidth, total = this.data.panels.reduce((sum, panel) => sum + panel.high, 0);
      const height = Math.max(180, Math.min(width * 0.62, 110 * total + 60)), sharp = window.devicePixelRatio || 1;
      this.inner = width - MARGIN.left - MARGIN.right;
      this.canvas.width = Math.round(width * sharp); this.canvas.height = Math.round(height * sharp);
      this.canvas.style.height = height + "px";
      const style = getComputedStyle(document.documentElement);
      this.colour = name => style.getPropertyValue("--" + name).trim();
      const context = this.context = this.canvas.getContext("2d");
      context.scale(sharp, sharp);
      context.font = "12px system-ui, sans-serif"; context.textBaseline = "middle";
      this.height = height;
      // A row above the panels for the marks.
      let top = MARGIN.top + ((this.data.marks || []).length ? 14 : 0);
      const room = height - top - MARGIN.bottom - MARGIN.gap * (this.data.panels.length - 1);
      this.shades(top, height - MARGIN.bottom);
      for (const panel of this.data.panels) {
        const high = room * panel.high / total;
        this.panel(panel, top, high);
        top += high + MARGIN.gap;
      }
      this.axis();
      this.marks();
      this.overlay();
    }

    // Findings: a line over their time, and a shape at its begin that says how severe it is, as the badges of the page.
    marks() {
      const { context } = this, y = MARGIN.top + 6, right = MARGIN.left + this.inner;
      for (const [from, to, , severity] of this.data.marks || []) {
        const start = this.x(from), end = this.x(to);
        if (end < MARGIN.left || start > right) continue;
        const x = Math.max(start, MARGIN.left + 4);
        context.fillStyle = context.strokeStyle = this.colour({ error: "bad-text", warning: "warn-text" }[severity] || "quiet");
        context.lineWidth = 2;
        context.beginPath(); context.moveTo(x, y); context.lineTo(Math.min(Math.max(end, x), right), y); context.stroke();
        context.beginPath();
        if (severity === "error") context.rect(x - 4, y - 4, 8, 8);
        else if (severity === "warning") { context.moveTo(x, y - 5); context.lineTo(x + 5, y + 4); context.lineTo(x - 5, y + 4); }
        else context.arc(x, y, 3, 0, 7);
        context.fill();
      }
    }

    shades(top, bottom) {
      const { context } = this;
      context.save();
      context.beginPath(); context.rect(MARGIN.left, top, this.inner, bottom - top); context.clip();
      for (const [from, to] of this.data.shade || []) {
        const x = this.x(from), end = this.x(to);
        if (end < MARGIN.left || x > MARGIN.left + this.inner) continue;
        context.fillStyle = this.colour("code"); context.fillRect(x, top, Math.max(1, end - x), bottom - top);
        context.strokeStyle = this.colour("none"); context.lineWidth = 1;
        context.save(); context.beginPath(); context.rect(x, top, end - x, bottom - top); context.clip(); context.beginPath();
        for (let shift = Math.max(x, MARGIN.left) - (bottom - top); shift < Math.min(end, MARGIN.left + this.inner); shift += 9) { context.moveTo(shift, bottom); context.lineTo(shift + bottom - top, top); }
        context.stroke(); context.restore();
      }
      context.restore();
    }

    panel(panel, top, high) {
      const { context } = this, [first, last] = this.range();
      context.fillStyle = this.colour("quiet");
      const names = panel.series.length > 1 ? panel.series.map((series, place) => (series.dash || place === 1 ? "┄ " : place === 2 ? "·· " : "── ") + series.name).join("   ") : panel.label;
      context.fillText(names, MARGIN.left + 4, top + 8);
      // Its lines begin below its names.
      top += LABEL; high -= LABEL;
      let low = Infinity, most = -Infinity;
      for (const series of panel.series) {
        for (let place = first; place <= last; place++) {
          const down = series.l ? series.l[place] : series.y[place], up = series.h ? series.h[place] : series.y[place];
          if (down !== null && down < low) low = down;
          if (up !== null && up > most) most = up;
        }
      }
      if (panel.zero) low = Math.min(0, low);
      if (low > most) [low, most] = [0, 1];
      if (low === most) { const pad = Math.abs(low) * 0.001 || 1; low -= pad; most += pad; }
      const pad = (most - low) * 0.05, floor = panel.zero && low === 0 ? 0 : low - pad, roof = most + pad;
      const y = value => top + high - (value - floor) / (roof - floor) * high;
      context.lineWidth = 1;
      for (const tick of ticks(floor, roof, high / 34)) {
        context.strokeStyle = this.colour("line");
        context.beginPath(); context.moveTo(MARGIN.left, Math.round(y(tick)) + 0.5); context.lineTo(MARGIN.left + this.inner, Math.round(y(tick)) + 0.5); context.stroke();
        context.fillStyle = this.colour("quiet");
        context.fillText(grouped(tick), MARGIN.left + this.inner + 6, y(tick));
      }
      context.save();
      context.beginPath(); context.rect(MARGIN.left, top - 1, this.inner, high + 2); context.clip();
      panel.series.forEach((series, place) => this.series(series, place, y, first, last, floor));
      context.restore();
    }

    series(series, place, y, first, last, floor) {
      const { context, data } = this, xs = data.xs, tones = ["there", "fault", "quiet"];
      const tone = this.colour(series.tone || tones[place] || "text");
      const step = data.step ? this.x(xs[0] + data.step) - this.x(xs[0]) : this.inner / Math.max(1, last - first + 1), wide = Math.max(1, step * 0.7);
      context.strokeStyle = context.fillStyle = tone; context.lineWidth = 1.5;
      context.setLineDash(series.dash || place === 1 ? [5, 3] : place === 2 ? [1.5, 3] : []);
      if (series.kind === "candle") {
        context.setLineDash([]); context.lineWidth = 1;
        for (let i = first; i <= last; i++) {
          if (series.o[i] === null) continue;
          const middle = this.x(xs[i] + (data.step || 0) / 2), isUp = series.c[i] >= series.o[i];
          context.strokeStyle = context.fillStyle = this.colour(isUp ? "up" : "down");
          context.beginPath(); context.moveTo(middle, y(series.h[i])); context.lineTo(middle, y(series.l[i])); context.stroke();
          const top = y(Math.max(series.o[i], series.c[i])), high = Math.max(1, Math.abs(y(series.o[i]) - y(series.c[i])));
          // Rising ones are hollow: the shape says what the colour says.
          if (isUp && wide >= 4) { context.clearRect(middle - wide / 2, top, wide, high); context.strokeRect(middle - wide / 2, top, wide, high); }
          else context.fillRect(middle - wide / 2, top, wide, high);
        }
      } else if (series.kind === "bar") {
        context.globalAlpha = 0.6;
        for (let i = first; i <= last; i++) if (series.y[i]) { const middle = this.x(xs[i] + (data.step || 0) / 2); context.fillRect(middle - wide / 2, y(series.y[i]), wide, y(Math.max(0, floor)) - y(series.y[i])); }
        context.globalAlpha = 1;
      } else {
        context.beginPath();
        let before = null;
        for (let i = first; i <= last; i++) {
          if (series.y[i] === null) { if (series.kind !== "points") before = null; continue; }
          const x = this.x(xs[i]), at = y(series.y[i]);
          if (before === null) context.moveTo(x, at);
          else { if (series.kind === "step") context.lineTo(x, before); context.lineTo(x, at); }
          before = at;
        }
        context.stroke();
        context.setLineDash([]);
        if (series.kind === "points") for (let i = first; i <= last; i++) if (series.y[i] !== null) {
          const x = this.x(xs[i]), at = y(series.y[i]);
          if (place === 0) { context.beginPath(); context.arc(x, at, 3, 0, 7); context.fill(); } else context.fillRect(x - 3, at - 3, 6, 6);
        }
      }
      context.setLineDash([]);
    }

    axis() {
      const { context } = this, [from, to] = this.view, count = this.inner / 90;
      const step = this.data.x === "time" ? STEPS_MS.find(one => (to - from) / one <= count) || STEPS_MS.at(-1) : null;
      const all = step ? Array.from({ length: Math.ceil((to - from) / step) + 1 }, (_, place) => (Math.ceil(from / step) + place) * step) : ticks(from, to, count);
      context.fillStyle = this.colour("quiet"); context.textAlign = "center";
      for (const tick of all) if (tick >= from && tick <= to) context.fillText(this.text(tick), Math.min(Math.max(this.x(tick), 30), MARGIN.left + this.inner), this.height - 10);
      context.textAlign = "left";
    }

    overlay() {
      const { context } = this, bottom = this.height - MARGIN.bottom;
      if (this.drag) { context.fillStyle = this.colour("there"); context.globalAlpha = 0.2; context.fillRect(Math.min(this.drag.from, this.drag.to), MARGIN.top, Math.abs(this.drag.to - this.drag.from), bottom - MARGIN.top); context.globalAlpha = 1; }
      if (this.cursor === null) return;
      const x = this.x(this.data.xs[this.cursor] + (this.data.step || 0) / 2);
      context.strokeStyle = this.colour("focus"); context.lineWidth = 1;
      context.beginPath(); context.moveTo(x, MARGIN.top); context.lineTo(x, bottom); context.stroke();
    }

    tell() {
      if (!this.readout || this.cursor === null) return;
      const at = this.cursor, x = this.data.xs[at], parts = [this.data.x === "time" ? new Date(x).toISOString().replace(".000Z", "Z") : grouped(x)];
      for (const panel of this.data.panels) for (const series of panel.series) {
        if (series.kind === "candle") parts.push(`open ${grouped(series.o[at])}, high ${grouped(series.h[at])}, low ${grouped(series.l[at])}, close ${grouped(series.c[at])}`);
        else if (series.y[at] !== null) parts.push(`${series.name} ${grouped(series.y[at])}`);
      }
      const end = x + (this.data.step || 0);
      const named = (this.data.marks || []).filter(([from, to]) => from < end && to >= x).map(([, , words, severity]) => `${severity}: ${words}`);
      parts.push(...new Set(named.slice(0, 5)));
      if (named.length > 5) parts.push(`${named.length - 5} more findings`);
      this.readout.textContent = parts.join("  ·  ");
    }

    nearest(x) {
      const { xs, step = 0 } = this.data, wanted = this.value(x) - step / 2;
      let low = 0, high = xs.length - 1;
      while (low < high) { const middle = (low + high) >> 1; if (xs[middle] < wanted) low = middle + 1; else high = middle; }
      return low > 0 && wanted - xs[low - 1] < xs[low] - wanted ? low - 1 : low;
    }

    move(place) { if (this.data.xs.length) { this.cursor = Math.max(0, Math.min(this.data.xs.length - 1, place)); this.draw(); this.tell(); } }
    zoom(from, to) { if (to - from > (this.full[1] - this.full[0]) / 1e5) this.view = [Math.max(this.full[0], from), Math.min(this.full[1], to)]; this.draw(); }

    listen() {
      const { canvas } = this, left = event => event.clientX - canvas.getBoundingClientRect().left;
      canvas.addEventListener("pointerdown", event => { canvas.setPointerCapture(event.pointerId); this.drag = { from: left(event), to: left(event) }; });
      canvas.addEventListener("pointermove", event => {
        if (this.drag) this.drag.to = left(event);
        this.move(this.nearest(left(event)));
      });
      canvas.addEventListener("pointerup", () => {
        const drag = this.drag;
        this.drag = null;
        if (drag && Math.abs(drag.to - drag.from) > 6) this.zoom(this.value(Math.min(drag.from, drag.to)), this.value(Math.max(drag.from, drag.to))); else this.draw();
      });
      canvas.addEventListener("pointercancel", () => { this.drag = null; this.draw(); });
      canvas.addEventListener("pointerleave", () => { if (!this.drag) this.draw(); });
      canvas.addEventListener("dblclick", () => this.zoom(...this.full));
      canvas.addEventListener("keydown", event => {
        const [from, to] = this.view, length = to - from, middle = this.cursor === null ? (from + to) / 2 : this.data.xs[this.cursor], last = this.data.xs.length - 1;
        const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };
        if (moves[event.key]) this.move(this.cursor === null ? (moves[event.key] > 0 ? 0 : last) : this.cursor + moves[event.key]);
        else if (event.key === "Home" || event.key === "End") this.move(event.key === "Home" ? 0 : last);
        else if (event.key === "+" || event.key === "=") this.zoom(middle - length / 4, middle + length / 4);
        else if (event.key === "-") this.zoom(middle - length, middle + length);
        else if (event.key === "Escape") this.zoom(...this.full);
        else return;
        event.preventDefault();
      });
      window.addEventListener("resize", () => this.draw());
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    }
  }

  const charts = {};
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const started = performance.now();
    charts[figure.dataset.chart] = new Chart(figure);
    figure.dataset.drawn = (performance.now() - started).toFixed(1);
  }
  return charts;
})();
