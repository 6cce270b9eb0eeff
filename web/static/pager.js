// The clerk's page: shows the window's state, sends a press once, never again.
"use strict";
const at = id => document.getElementById(id);
const base = `/window/${encodeURIComponent(document.body.dataset.window)}`;
const FRESH = 5000;
// It says what it sets, so that pressed twice is once.
const pause = document.querySelector("[data-key=pause]");
let seen = null, heard = -Infinity, looking = false;

function online() {
  const on = performance.now() - heard < FRESH;
  at("off").hidden = on;
  for (const button of document.querySelectorAll("button[data-key], #vouch")) button.disabled = !on;
  return on;
}

async function look() {
  if (looking) return;
  looking = true;
  try {
    const answer = await fetch(`${base}/state`, { signal: AbortSignal.timeout(4000) });
    if (answer.status === 403) { location.reload(); return; }
    const now = await answer.json();
    seen = { server: now.seen, here: performance.now() };
    heard = performance.now();
    pause.dataset.key = now.paused ? "resume" : "pause";
    pause.firstChild.textContent = `${pause.dataset[pause.dataset.key]} `;
    document.body.className = now.over ? `${now.phase} over` : now.phase;
    at("who").textContent = now.clerk;
    for (const id of ["said", "ticket", "service", "minutes", "waiting", "time"]) at(id).textContent = now[id];
    at("next").textContent = now.next.join(" ");
    at("held").textContent = now.held.length ? `⏸ ${now.held.join(" ")}` : "";
  } catch { /* said by the banner as soon as it lasts */ } finally { looking = false; }
  online();
}

async function press(key, number = at("number").value.trim()) {
  if (!online()) return;
  const body = { key, number, press: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`,
    seen: seen.server + (performance.now() - seen.here) / 1000 };
  at("answer").textContent = "";
  at("vouch").hidden = true;
  const slow = setTimeout(() => { at("answer").textContent = at("answer").dataset.wait; }, 150); // ms
  try {
    const answer = await (await fetch(`${base}/press`, { method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" }, signal: AbortSignal.timeout(4000) })).json();
    at("answer").textContent = answer.text;
    at("answer").classList.toggle("good", key === "find");
    if (answer.ticket) { at("vouch").hidden = false; at("vouch").dataset.ticket = answer.ticket; }
    if (!answer.text) at("number").value = "";
  } catch { at("answer").textContent = ""; heard = -Infinity; } finally { clearTimeout(slow); }
  look();
}

document.addEventListener("click", event => {
  const key = event.target.closest("button")?.dataset.key;
  if (key) press(key);
});
at("vouch").onclick = () => press("answer", at("vouch").dataset.ticket);
at("typed").onsubmit = event => { event.preventDefault(); press("next"); };
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const field = at("number"), inside = document.activeElement === field;
  const letter = event.key.toUpperCase();
  if (event.key === "Escape") { field.value = ""; field.blur(); }
  // A ticket's letter may be typed inside the field; outside, letters are keys and figures go into it.
  if (inside) return;
  const button = document.querySelector(`button[data-letter="${CSS.escape(letter)}"]`);
  if (button || letter === "F") { event.preventDefault(); press(button ? button.dataset.key : "find"); }
  else if (/^\d$/.test(event.key)) field.focus();
});
const news = new EventSource("/api/v1/events");
news.addEventListener("hall", look);
setInterval(() => { if (performance.now() - heard > 2500) look(); online(); }, 1000);
look();
