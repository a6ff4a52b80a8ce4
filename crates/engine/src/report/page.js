"use strict";
(() => {
  const PAGE = 200;
  const source = document.getElementById("data");
  let parsed;
  // Read when it is first needed, so that the page opens at once.
  const data = () => parsed ??= JSON.parse(source.textContent);
  const grouped = (number) => Number(number).toLocaleString("en-US");

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  const percent = (share) => {
    const whole = share * 100;
    if (whole <= 0) return "0 %";
    if (whole < 0.1) return "< 0.1 %";
    if (whole >= 100) return "100 %";
    return whole > 99.9 ? "> 99.9 %" : `${whole.toFixed(1)} %`;
  };

  const shown = (value, kind) => {
    if (value === null) return "–";
    if (kind === "share") return percent(value);
    if (kind === "number") return grouped(value);
    if (kind === "badge") return element("span", { className: `badge ${value}` }, value);
    if (kind === "key") return element("span", { className: "key" }, value);
    return String(value);
  };

  const sheets = {};

  class Sheet {
    constructor(root) {
      this.root = root;
      this.name = root.dataset.sheet;
      this.words = [];
      this.equal = {};
      this.order = null;
      this.most = PAGE;
      this.input = root.querySelector("input");
      this.body = root.querySelector("tbody");
      this.all = root.querySelector(".all");
      this.more = root.querySelector(".more");
      root.querySelector(".tools").hidden = false;
      this.heads = [...root.querySelectorAll("thead th")];
      this.heads.forEach((head) => {
        const button = element("button", { type: "button" }, head.textContent);
        button.addEventListener("click", () => this.sort(Number(head.dataset.column)));
        head.replaceChildren(button);
      });
      this.input.addEventListener("input", () => this.filter());
      this.all.addEventListener("click", () => this.find({}));
      this.more.addEventListener("click", () => {
        this.most += PAGE * 5;
        this.draw();
      });
      for (const button of root.querySelectorAll("[data-form]")) {
        button.setAttribute("aria-label", `Save the table ${this.name} as ${button.textContent}`);
        button.addEventListener("click", () => this.save(button.dataset.form));
      }
      this.more.hidden = !/^The first/.test(root.querySelector(".shown").textContent);
    }

    get sheet() {
      return data().sheets[this.name];
    }

    filter() {
      this.words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.most = PAGE;
      this.draw();
    }

    /** Shows the rows whose columns have these values; {}: all. */
    find(equal) {
      this.equal = equal;
      this.input.value = "";
      this.filter();
    }

    sort(place) {
      const kind = this.sheet.columns[place][2];
      const first = kind === "number" || kind === "share" ? -1 : 1;
      const step = this.order?.place === place ? -this.order.step : first;
      this.order = { place, step };
      this.heads.forEach((head) => {
        if (Number(head.dataset.column) === place) head.setAttribute("aria-sort", step > 0 ? "ascending" : "descending");
        else head.removeAttribute("aria-sort");
      });
      this.draw();
    }

    /** The rows that are meant, in order. */
    rows() {
      const { columns, rows } = this.sheet;
      const equal = Object.entries(this.equal).map(([name, value]) => [columns.findIndex((c) => c[0] === name), value]);
      const text = (row) => row.lower ??= row.filter((cell) => cell !== null).join(" ").toLowerCase();
      const meant = rows.filter((row) => equal.every(([place, value]) => row[place] === value)
        && this.words.every((word) => text(row).includes(word)));
      if (this.order) {
        const { place, step } = this.order;
        meant.sort((a, b) => {
          const [x, y] = [a[place], b[place]];
          if (x === null || y === null) return (x === null) - (y === null);
          return step * (typeof x === "number" ? x - y : x < y ? -1 : x > y ? 1 : 0);
        });
      }
      return meant;
    }

    draw() {
      const { columns, link, rows } = this.sheet;
      const meant = this.rows();
      const drawn = meant.slice(0, this.most);
      this.body.replaceChildren(...drawn.map((row) => element("tr", {}, ...row.flatMap((cell, place) => {
        const [, title, kind] = columns[place];
        if (kind === "saved") return [];
        const is_number = kind === "number" || kind === "share";
        const made = element("td", { className: `${is_number ? "number" : ""} ${cell === null ? "none" : ""}`.trim() });
        made.dataset.label = title;
        let content = shown(cell, kind);
        if (link && link[0] === place) {
          content = element("a", { href: "#findings" }, content);
          content.dataset.find = JSON.stringify(Object.fromEntries(link[1].map((p) => [columns[p][0], row[p]])));
        }
        made.append(content);
        return [made];
      }))));
      const only = Object.entries(this.equal).map(([name, value]) => `${name.replaceAll("_", " ")} ${value ?? "none"}`);
      this.root.querySelector(".shown").textContent = (drawn.length < meant.length ? `The first ${grouped(drawn.length)} of ` : "")
        + (meant.length < rows.length ? `${grouped(meant.length)} of ${grouped(rows.length)}` : `${grouped(rows.length)} in all`)
        + (only.length ? `; only ${only.join(", ")}` : "");
      this.all.hidden = !only.length && !this.words.length;
      this.more.hidden = drawn.length === meant.length;
    }

    /** Saves what is meant, in its order. */
    save(form) {
      const { columns } = this.sheet;
      const places = columns.flatMap((column, place) => column[2] === "words" ? [] : [place]);
      const rows = this.rows().map((row) => places.map((place) => row[place]));
      const names = places.map((place) => columns[place][0]);
      const quoted = (cell) => {
        const text = cell === null ? "" : String(cell);
        return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
      };
      const text = form === "csv"
        ? [names, ...rows].map((row) => row.map(quoted).join(",") + "\n").join("")
        : JSON.stringify(rows.map((row) => Object.fromEntries(names.map((name, place) => [name, row[place]]))), null, 1) + "\n";
      const address = URL.createObjectURL(new Blob([text], { type: form === "csv" ? "text/csv" : "application/json" }));
      const link = element("a", { href: address, download: `${this.name}.${form}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    }
  }

  for (const root of document.querySelectorAll("[data-sheet]")) sheets[root.dataset.sheet] = new Sheet(root);

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-find]");
    if (link && sheets.findings) sheets.findings.find(JSON.parse(link.dataset.find));
  });

  // The calendar tells a day's grades, and leads to its findings.
  const calendar = document.querySelector(".calendar");
  const told = calendar?.querySelector(".told");
  const at = (event) => {
    const strip = event.target.closest?.(".strip");
    if (!strip) return null;
    const place = strip.getBoundingClientRect();
    const { first, grades, strips } = data().calendar;
    const days = Number(strip.dataset.days);
    const column = Math.min(days - 1, Math.max(0, Math.floor((event.clientX - place.left) / place.width * days)));
    const number = Number(strip.dataset.offset) + column;
    const [venue, data_type, all] = strips[Number(strip.dataset.strip)];
    const day = new Date(Date.parse(`${first}T00:00:00Z`) + number * 86_400_000).toISOString().slice(0, 10);
    const counts = all.find((one) => one[0] === number)?.[1];
    const words = counts ? grades.map((grade, i) => counts[i] ? `${grouped(counts[i])} ${grade}` : "").filter(Boolean).join(", ") : "nothing";
    return { venue, data_type, day, words };
  };
  calendar?.addEventListener("mousemove", (event) => {
    const place = at(event);
    if (place) told.textContent = `${place.day} ${place.venue} ${place.data_type}: ${place.words}`;
  });
  calendar?.addEventListener("click", (event) => {
    const place = at(event);
    if (!place || !sheets.findings) return;
    sheets.findings.find({ venue: place.venue, day: place.day, data_type: place.data_type });
    document.getElementById("findings").scrollIntoView();
  });
})();
