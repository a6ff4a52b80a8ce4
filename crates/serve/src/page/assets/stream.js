// The page of what is recorded now: tape, book, candles and notes by server-sent events, and the feeds' health every few seconds.
"use strict";
(() => {
  const main = document.querySelector("main"), part = main.querySelector("[data-stream]");
  const MARKS = { recording: "●", gap: "✕", waiting: "◌", connecting: "◌", not_connected: "○", ended: "○", partly_connected: "▲", capture_only: "▲" };
  const grouped = number => number.toLocaleString("en-US");
  const element = (kind, text, classes) => { const made = document.createElement(kind); made.textContent = text; if (classes) made.className = classes; return made; };
  const badge = state => {
    const word = state.replaceAll(" ", "_"), made = element("span", "", "badge " + word), mark = element("span", MARKS[word] || "·", "mark");
    mark.setAttribute("aria-hidden", "true");
    made.append(mark, state);
    return made;
  };
  const ago = seconds => seconds < 99.5 ? Math.round(seconds) + " s ago" : seconds < 5970 ? Math.round(seconds / 60) + " min ago" : (seconds / 3600).toFixed(1) + " h ago";

  // The feeds' health.
  async function look() {
    const answer = await fetch("/live/status"), document_ = await answer.json();
    if (!answer.ok) throw new Error(answer.status);
    const rows = new Map([...main.querySelectorAll("tr[data-of]")].map(row => [row.dataset.of, row]));
    for (const venue of document_.venues) {
      const told = main.querySelector(`[data-venue="${CSS.escape(venue.exchange)}"]`);
      if (told) told.replaceChildren(badge(venue.state));
      for (const stream of venue.streams) {
        const row = rows.get(`${venue.exchange} ${stream.symbol} ${stream.data_type}`);
        if (!row) continue;
        const cells = row.cells;
        cells[2].replaceChildren(badge(stream.state));
        cells[3].textContent = stream.age_seconds === null ? "–" : ago(stream.age_seconds);
        [stream.messages, stream.rows, stream.gaps, stream.missing].forEach((number, place) => { cells[4 + place].textContent = grouped(number); });
      }
    }
    const events = main.querySelector("[data-number=events]");
    if (events) events.textContent = grouped(document_.events);
  }
  const again = () => setTimeout(() => look().catch(() => {}).finally(again), document.hidden ? 20000 : 3000);
  again();
  if (!part) return;

  const levels = +part.dataset.levels, tape = document.querySelector("#tape tbody"), ladder = document.querySelector("#ladder tbody");
  const followed = document.getElementById("followed"), state = document.getElementById("state"), notes = document.getElementById("notes"), moment = document.getElementById("moment-text");
  const SVG = "http://www.w3.org/2000/svg";
  let book = { bid: new Map(), ask: new Map() }, isBookKnown = false, bookTime = "", fresh = [], isDrawn = true, count = 0;

  function level(side, price, amount, most) {
    const line = document.createElement("tr"), bar = document.createElement("td"), svg = document.createElementNS(SVG, "svg"), rect = document.createElementNS(SVG, "rect"), head = element("th", side === "ask" ? "▼ ask" : "▲ bid");
    line.className = side; head.scope = "row"; bar.className = "bar-cell";
    svg.setAttribute("viewBox", "0 0 100 14"); svg.setAttribute("preserveAspectRatio", "none"); svg.setAttribute("aria-hidden", "true");
    rect.setAttribute("width", (most > 0 ? amount / most * 100 : 0).toFixed(1)); rect.setAttribute("height", "14");
    svg.append(rect); bar.append(svg);
    line.append(head, element("td", price, "number"), element("td", amount, "number"), bar);
    return line;
  }

  // Draws what has come, a few times a second at most.
  function draw() {
    if (isDrawn || document.hidden) return;
    isDrawn = true;
    const asks = [...book.ask].sort((a, b) => a[0] - b[0]).slice(0, levels), bids = [...book.bid].sort((a, b) => b[0] - a[0]).slice(0, levels);
    const most = Math.max(0, ...asks.concat(bids).map(one => one[1]));
    ladder.replaceChildren(...asks.reverse().map(one => level("ask", ...one, most)), ...bids.map(one => level("bid", ...one, most)));
    moment.textContent = part.dataset.book ? isBookKnown ? bookTime.slice(11, 23) + " UTC" : "not known: it begins with the next snapshot" : "";
    for (const row of fresh.splice(0).slice(-part.dataset.tape)) {
      const line = document.createElement("tr"), head = element("th", row.local_timestamp.slice(11, 23));
      head.scope = "row";
      line.append(head, element("td", row.side, row.side), element("td", row.price, "number"), element("td", row.amount, "number"));
      tape.prepend(line);
    }
    while (tape.rows.length > part.dataset.tape) tape.lastElementChild.remove();
    main.dataset.updates = ++count;
  }
  setInterval(draw, 250);

  function row(one) {
    if (one.data_type === "trades") { fresh.push(one); if (fresh.length > 200) fresh.splice(0, 100); }
    else if (one.data_type === "incremental_book_L2") {
      const side = book[one.side];
      if (!isBookKnown) return;
      if (one.amount === 0) side.delete(one.price); else side.set(one.price, one.amount);
    } else if (one.data_type.startsWith("book_snapshot")) {
      book = { bid: new Map(), ask: new Map() };
      for (let place = 1; place <= 25; place++) for (const side of ["bid", "ask"]) if (one[`${side}_price_${place}`] !== undefined) book[side].set(one[`${side}_price_${place}`], one[`${side}_amount_${place}`]);
      isBookKnown = true;
    }
    if (one.data_type !== "trades") bookTime = one.local_timestamp;
    isDrawn = false;
  }

  function rows(event) {
    const all = event.data.split("\n").map(line => JSON.parse(line));
    if (all[0].data_type === "incremental_book_L2" && all[0].is_snapshot) { book = { bid: new Map(), ask: new Map() }; isBookKnown = true; }
    all.forEach(row);
  }

  function note(text) {
    notes.prepend(element("li", new Date().toISOString().slice(11, 19) + " " + text));
    while (notes.children.length > 5) notes.lastElementChild.remove();
  }

  function candle(one) {
    const chart = window.mtdhChart.candles, { xs, panels: [price, volume] } = chart.data, data = chart.data, bar = price.series[0], most = +part.dataset.most, start = Date.parse(one.timestamp);
    let place = xs.findIndex(x => x >= start);
    if (place < 0) place = xs.length;
    const many = xs[place] === start ? 1 : 0;
    xs.splice(place, many, start);
    [["o", "open"], ["h", "high"], ["l", "low"], ["c", "close"]].forEach(([short, name]) => bar[short].splice(place, many, one[name]));
    volume.series[0].y.splice(place, many, one.volume);
    for (const list of [xs, bar.o, bar.h, bar.l, bar.c, volume.series[0].y]) if (list.length > most) list.shift();
    document.getElementById("candle-note").textContent = `${one.stage}${one.revision ? ", revision " + one.revision : ""}, from ${one.timestamp.slice(11, 19)}`;
    chart.figure.hidden = false;
    chart.set(data);
  }

  const events = new EventSource(part.dataset.stream), told = (name, use) => events.addEventListener(name, event => use(JSON.parse(event.data)));
  events.addEventListener("rows", rows);
  events.addEventListener("book", rows);
  told("begin", () => { followed.textContent = "followed as it comes"; });
  told("candle", candle);
  told("health", one => { state.replaceChildren(badge(one.state)); if (one.detail) note(one.detail); });
  told("gap", one => { note(`gap of ${one.data_type || "all"}: ${one.kind}${one.missing ? `, ${one.missing} missing` : ""}${one.to ? "" : ", still open"}`); if (!one.to) state.replaceChildren(badge("gap")); else look().catch(() => {}); });
  told("finding", one => note(`${one.severity}: ${one.check} ×${one.count}`));
  told("disconnect", () => { note("disconnected: the book is not known until the next snapshot"); book = { bid: new Map(), ask: new Map() }; isBookKnown = false; isDrawn = false; });
  told("lagged", () => { note("this page did not keep up and lacks events"); book = { bid: new Map(), ask: new Map() }; isBookKnown = false; isDrawn = false; });
  events.addEventListener("error", () => { followed.textContent = "the connection is lost; it is tried again"; });
})();
