// Makes the pages smoother; all of them work without it.
"use strict";
(() => {
  const day = new Intl.DateTimeFormat("en-US", { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

  // dress does what a script alone can do, in a page or in the part of one that has just come.
  function dress(root) {
    for (const t of root.querySelectorAll("time[datetime]")) t.textContent = day.format(new Date(t.dateTime));
    for (const b of root.querySelectorAll("[data-copy], [data-copy-link], [data-copy-pre]")) b.hidden = !navigator.clipboard;
    for (const s of root.querySelectorAll("select[name=range]")) {
      const own = s.form.querySelector(".own");
      s.addEventListener("change", () => { if (own) own.hidden = s.value !== "own"; });
    }
    for (const el of root.querySelectorAll("[data-follow]")) follow(el);
    for (const el of root.querySelectorAll("[data-live]")) announce(el);
  }

  // follow loads the scan again when it has moved on.
  function follow(el) {
    const events = new EventSource(el.dataset.follow);
    let first = true;
    events.onmessage = (e) => {
      if (e.data === "PENDING" && first) { first = false; return; }
      if (!el.isConnected) { events.close(); return; }
      if (e.data !== "PENDING") events.close();
      const inside = el.closest("dialog");
      if (inside) open(inside.dataset.address, false); else if (e.data !== "PENDING") location.reload();
    };
  }

  // announce says that there are new rows; the list stays as it is until one asks.
  function announce(el) {
    const news = document.querySelector(".news");
    if (!news) return;
    const events = new EventSource(el.dataset.live);
    events.onmessage = () => { news.hidden = false; };
  }

  // The flyover: a scan over the list that led to it.
  const fly = document.getElementById("flyover");
  let behind = "";
  async function open(address, push) {
    const answer = await fetch(address, { headers: { "X-Fragment": "1", Accept: "text/html" } });
    if (answer.redirected && !answer.url.includes("/ui/scans/")) { location.href = answer.url; return; }
    const inside = fly.querySelector(".inside");
    inside.replaceChildren(document.createRange().createContextualFragment(await answer.text()));
    fly.dataset.address = address;
    if (!fly.open) { behind = location.href; fly.showModal(); }
    if (push) history.pushState({ fly: address }, "", address);
    fly.scrollTop = 0;
    dress(inside);
  }
  fly.addEventListener("close", () => {
    fly.querySelector(".inside").replaceChildren();
    if (behind && location.href !== behind) history.pushState({}, "", behind);
  });
  fly.addEventListener("click", (e) => { if (e.target === fly) fly.close(); });
  addEventListener("popstate", (e) => {
    if (e.state && e.state.fly) open(e.state.fly, false);
    else if (fly.open) { behind = ""; fly.close(); }
  });

  document.addEventListener("click", async (e) => {
    const copy = e.target.closest("[data-copy], [data-copy-link], [data-copy-pre]");
    if (copy) {
      let text = copy.dataset.copy;
      if (copy.dataset.copyLink) text = location.origin + copy.dataset.copyLink;
      if ("copyPre" in copy.dataset) text = copy.closest("section").querySelector("pre").textContent;
      await navigator.clipboard.writeText(text);
      const was = [...copy.childNodes];
      copy.replaceChildren("✓");
      setTimeout(() => { copy.replaceChildren(...was); }, 1200);
      return;
    }
    const link = e.target.closest("a[data-fly]");
    if (!link || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
    const whole = document.querySelector("main > article.scan") && !fly.open;
    if (whole) return; // on the page of a scan, its parts are pages
    e.preventDefault();
    open(link.getAttribute("href"), true);
  });
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") for (const d of document.querySelectorAll(".multi[open], .menu[open]")) d.open = false;
    if (e.key === "/" && !e.target.closest("input, textarea, select")) {
      const search = document.querySelector("input[type=search]");
      if (search) { e.preventDefault(); search.focus(); }
    }
  });
  document.addEventListener("click", (e) => {
    for (const d of document.querySelectorAll(".multi[open], .menu[open]")) if (!d.contains(e.target)) d.open = false;
  });
  dress(document);
})();
