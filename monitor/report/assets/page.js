// Asks for a newer page now and then and swaps what changed; what a person opened, chose or focused stays as it is.
(() => {
  "use strict";
  const lost = document.querySelector(".lost");
  const keep = (next) => {
    for (const now of document.querySelectorAll("details[id]")) {
      const then = next.getElementById(now.id);
      if (then) then.open = now.open;
    }
    for (const now of document.querySelectorAll("input:checked")) {
      const then = next.getElementById(now.id);
      if (then) then.checked = true;
    }
  };
  const refresh = async () => {
    if (document.hidden || String(getSelection())) return;
    const answer = await fetch(location.pathname, { cache: "no-store" }).catch(() => null);
    lost.hidden = Boolean(answer && answer.ok);
    if (!lost.hidden) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = document.querySelector("main");
    const fresh = next.querySelector("main");
    if (!fresh || fresh.dataset.stamp === main.dataset.stamp) return;
    keep(next);
    const focused = document.activeElement && document.activeElement.id;
    const [x, y] = [scrollX, scrollY];
    document.title = next.title;
    const [asOf, freshAsOf] = [document, next].map((page) => page.querySelector(".as-of"));
    if (asOf && freshAsOf) asOf.replaceWith(freshAsOf);
    main.replaceWith(fresh);
    scrollTo(x, y);
    const again = focused && document.getElementById(focused);
    if (again) again.focus({ preventScroll: true });
  };
  setInterval(refresh, Number(document.body.dataset.every));
})();
