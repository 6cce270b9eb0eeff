// The wall display: draws the newest state, says so when it is no longer the newest.
"use strict";
const ROWS = 7, STALE = 5000, DEAD = 30000;
const at = id => document.getElementById(id);
let shown = null, heard = performance.now(), source = null;

function draw(hall) {
  const seen = new Map((shown ? shown.calls : hall.calls).map(c => [c.ticket + c.window, c.calls]));
  at("hall").textContent = hall.hall;
  at("date").textContent = hall.date;
  at("time").textContent = hall.time;
  at("notice").textContent = hall.notice;
  at("notice-en").textContent = hall.notice_en;
  document.body.classList.toggle("alert", hall.alert);
  at("nobody").hidden = hall.calls.length > 0;
  at("calls").replaceChildren(...hall.calls.slice(0, ROWS).map((call, i) => {
    const row = document.createElement("li"), before = seen.get(call.ticket + call.window);
    for (const text of [call.ticket, call.window]) {
      const cell = document.createElement("span");
      cell.textContent = text;
      row.append(cell);
    }
    row.dataset.ticket = call.ticket;
    // New, or called again: it blinks for 6 s at 2 Hz; the newest stays inverse.
    if (before === undefined || before < call.calls) flashing.set(call.ticket, performance.now());
    const age = performance.now() - (flashing.get(call.ticket) ?? -6000);
    row.classList.toggle("new", i === 0 || age < 6000);
    if (age < 6000) { row.classList.add("flash"); row.style.animationDelay = `${-age}ms`; }
    return row;
  }));
  const newest = hall.calls[0];
  at("now").hidden = !newest || hall.phase === "frozen";
  if (newest) {
    at("now-ticket").textContent = newest.ticket;
    at("now-window").querySelector("em").textContent = newest.window;
  }
  at("waiting").querySelector("ul").replaceChildren(...hall.waiting.map(service => {
    const row = document.createElement("li"), count = document.createElement("b");
    const wait = document.createElement("small");
    row.textContent = `${service.code} ${service.name}`;
    count.textContent = service.count;
    wait.textContent = service.wait;
    row.append(wait, count);
    return row;
  }));
  shown = hall;
}
const flashing = new Map();

function listen() {
  if (source) source.close();
  source = new EventSource("/api/v1/events?screen=1");
  source.addEventListener("hall", event => { heard = performance.now(); draw(JSON.parse(event.data)); });
}

setInterval(() => {
  const age = performance.now() - heard;
  document.body.classList.toggle("stale", age > STALE);
  at("stale").hidden = age <= STALE || age > DEAD;
  at("dead").hidden = age <= DEAD;
  // EventSource gives up after an answer that is not 200; this does not.
  if (source.readyState === EventSource.CLOSED) listen();
}, 1000);

draw(JSON.parse(document.body.dataset.first));
listen();
