// A run that goes on: whenever the API tells of a change, the page is asked for anew and what differs is changed in place.
"use strict";
(() => {
  const main = document.querySelector("main"), part = main.querySelector("[data-live]");
  if (!part) return;
  const events = new EventSource(part.dataset.live), told = document.getElementById("live");
  let updates = 0, last = Promise.resolve();

  // Makes a part of the page like a new one; what is the same stays, and with it focus and places of scrolling.
  function become(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) { old.replaceWith(fresh.cloneNode(true)); return; }
    if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
    if (old === told) return;
    const isOpen = old.open;
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    if (isOpen) old.open = true;
    const olds = [...old.childNodes], freshes = [...fresh.childNodes];
    freshes.forEach((node, place) => { if (place < olds.length) become(olds[place], node); else old.append(node.cloneNode(true)); });
    olds.slice(freshes.length).forEach(node => node.remove());
  }

  async function renew() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    become(main, fresh);
    updates += 1;
    main.dataset.updates = updates;
    const text = id => document.getElementById(id)?.textContent ?? "";
    told.textContent = `${text("files_done")} files done, ${text("files_failed")} failed, ${text("rows")} rows`;
  }

  const soon = () => { last = last.then(renew).catch(() => { told.textContent = "The server does not answer; it is tried again."; }); return last; };
  events.addEventListener("state", soon);
  events.addEventListener("end", async () => { events.close(); await soon(); told.textContent = "The run has ended."; });
  events.addEventListener("error", () => { told.textContent = "The connection is lost; it is tried again."; });
})();
