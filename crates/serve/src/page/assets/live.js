// A run that goes on: its numbers follow the events of the API; when it ends the page is loaded once more, whole.
"use strict";
(() => {
  const part = document.querySelector("[data-live]");
  if (!part) return;
  const told = document.getElementById("live"), events = new EventSource(part.dataset.live);
  const grouped = number => Number(number).toLocaleString("en-US");
  const sum = (list, name) => list.reduce((total, one) => total + (Number(one[name]) || 0), 0);
  let updates = 0;
  events.addEventListener("state", event => {
    const found = JSON.parse(event.data), all = found.plan || null, list = found.summaries || [];
    const number = name => all && name in all ? all[name] : sum(list, name);
    for (const name of ["files_done", "files_failed", "rows"]) { const element = document.getElementById(name); if (element) element.textContent = grouped(number(name)); }
    updates += 1;
    part.dataset.updates = updates;
    told.textContent = `${grouped(number("files_done"))} of ${grouped(number("files"))} files done, ${grouped(number("files_failed"))} failed, ${grouped(number("rows"))} rows`;
  });
  events.addEventListener("end", () => { events.close(); location.reload(); });
  events.addEventListener("error", () => { told.textContent = "The connection is lost; it is tried again."; });
})();
