"use strict";
// The page is whole without this: it adds the tooltip, arrow keys on the timeline, and the filter.
(() => {
  const bars = [...document.querySelectorAll(".bar:not([aria-hidden])")];
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);

  const show = (bar) => {
    tip.textContent = bar.dataset.tip;
    tip.hidden = false;
    const place = bar.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, place.left + place.width / 2 - own.width / 2), innerWidth - own.width - 8);
    const above = place.top - own.height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : place.bottom + 8}px`;
  };
  const hide = () => { tip.hidden = true; };

  for (const bar of document.querySelectorAll(".bar")) {
    bar.dataset.tip = bar.title;
    if (!bar.hasAttribute("aria-hidden")) bar.setAttribute("aria-label", bar.title);
    bar.removeAttribute("title");
    for (const name of ["mouseenter", "focus"]) bar.addEventListener(name, () => show(bar));
    for (const name of ["mouseleave", "blur"]) bar.addEventListener(name, hide);
  }
  addEventListener("scroll", hide, { passive: true });
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  // One stop for Tab, arrows from bar to bar.
  bars.forEach((bar, index) => { bar.tabIndex = index ? -1 : 0; });
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -bars.length, End: bars.length };
  document.querySelector(".timeline")?.addEventListener("keydown", (event) => {
    const at = bars.indexOf(event.target);
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = bars[Math.min(Math.max(at + steps[event.key], 0), bars.length - 1)];
    bars[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  const form = document.querySelector(".filter"), events = [...document.querySelectorAll(".event")];
  if (events.length > 1) {
    const texts = events.map((event) => event.querySelector("h3").textContent.toLocaleLowerCase());
    const filter = () => {
      const text = form.elements.text.value.trim().toLocaleLowerCase(), decision = form.elements.decision.value;
      let shown = 0;
      events.forEach((event, index) => {
        event.hidden = !(texts[index].includes(text) && (!decision || event.classList.contains(decision)));
        shown += !event.hidden;
      });
      form.querySelector("output").textContent = shown < events.length ? `${shown} of ${events.length}` : "";
    };
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    // A hidden event can still be asked for on the timeline.
    addEventListener("hashchange", () => {
      const asked = document.getElementById(location.hash.slice(1));
      if (asked?.hidden) { form.reset(); filter(); asked.scrollIntoView(); }
    });
    form.hidden = false;
  }
  document.documentElement.dataset.report = "ready";
})();
