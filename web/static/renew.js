// Renews what a page says in its place: the focus, the scroll and what was typed stay as they are.
"use strict";
const typing = () => document.activeElement?.matches("input, select") || document.querySelector("details[open]");
async function renew() {
  try {
    if (!typing()) {
      const answer = await fetch(location.href, { cache: "no-cache", signal: AbortSignal.timeout(8000) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (page.body.dataset.page !== document.body.dataset.page) return location.reload();
      document.title = page.title;
      document.body.className = page.body.className;
      document.body.dataset.every = page.body.dataset.every;
      const old = document.querySelector("main"), fresh = page.querySelector("main");
      // Asked again: somebody may have begun while the answer was under way.
      if (old.innerHTML !== fresh.innerHTML && !typing()) old.replaceWith(fresh);
    }
  } catch { /* the hall will answer again; until then the page stands as it was */ }
  return setTimeout(renew, document.body.dataset.every * 1000);
}
setTimeout(renew, document.body.dataset.every * 1000);
