// The wall display: draws the newest state, says so when it is no longer the newest.
"use strict";
const STALE = 5000, SILENT = 10000, DEAD = 30000; // ms since the hall was heard
const FLASH = 6000, SHIFT = 250, PAGE = 8000; // ms of a new call, of rows making room, of a page
const at = id => document.getElementById(id);
const first = JSON.parse(document.body.dataset.first);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const seen = new Map(first.calls.map(call => [call.ticket + call.window, call.calls]));
let shown = first, heard = performance.now(), tried = heard, source = null, newest = -FLASH, page = 0;

function make(tag, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

// What must be whole and is no number of a call: its letters, `size` per cent of what is usual, shrink until it fits.
function shrink(element, along = "Width", size = 100, least = 30) {
  element.style.fontSize = `${size}%`;
  while (element[`scroll${along}`] > element[`client${along}`] && size > least) element.style.fontSize = `${size -= 4}%`;
}

function calls(hall) {
  const list = at("calls"), rows = Math.max(1, Math.floor(list.clientHeight / innerHeight * 100 / (0.75 * hall.figures)));
  list.style.setProperty("--rows", rows);
  const old = new Map([...list.children].map(row => [row.dataset.ticket, { row, top: row.offsetTop }]));
  // After a long silence nobody is called by what was missed: they were called by voice.
  const lost = performance.now() - heard > DEAD;
  const wanted = hall.calls.slice(0, rows).map(call => {
    const before = seen.get(call.ticket + call.window), fresh = !lost && (before === undefined || before < call.calls);
    const row = fresh ? null : old.get(call.ticket)?.row;
    if (fresh) newest = performance.now();
    if (row && row.dataset.window === call.window) return row;
    const made = make("li", {}, make("b", { textContent: call.ticket }), make("b", { textContent: call.window }),
      at("label").content.cloneNode(true));
    Object.assign(made.dataset, { ticket: call.ticket, window: call.window, since: fresh ? newest : -FLASH });
    return made;
  });
  seen.clear();
  for (const call of hall.calls) seen.set(call.ticket + call.window, call.calls);
  // Rows that stay are not touched, or their blinking would begin anew.
  for (const row of [...list.children]) if (!wanted.includes(row)) row.remove();
  wanted.forEach((row, i) => { if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null); });
  for (const { row, top } of old.values()) {
    const way = top - row.offsetTop;
    if (way && row.isConnected && !still.matches) row.animate([{ transform: `translateY(${way}px)` }, {}], { duration: SHIFT, easing: "ease-out" });
  }
}

function emphasise() {
  const now = performance.now();
  [...at("calls").children].forEach((row, i) => {
    const fresh = now - row.dataset.since < FLASH;
    row.classList.toggle("new", i === 0 || fresh);
    row.classList.toggle("flash", fresh);
  });
  at("now").classList.toggle("flash", now - newest < FLASH);
}

function waiting(services) {
  const list = at("waiting").querySelector("ul");
  list.className = list.style.fontSize = "";
  list.replaceChildren(...services.map(service => make("li", {}, make("span", { textContent: service.code }), make("span", { textContent: service.name }),
    make("small", { textContent: service.wait }), make("b", { textContent: service.count }))));
  // All of them if their letters need not be much smaller, else pages; where not even three lines fit, their letters.
  const room = list.clientHeight / list.firstChild.offsetHeight, each = room / services.length, fit = Math.floor(room);
  const letters = each < 0.85 && fit < 3, pages = letters || each >= 0.85 ? 1 : Math.ceil(services.length / fit);
  [...list.children].forEach((row, i) => { row.hidden = pages > 1 && Math.floor(i / fit) !== page % pages; });
  list.classList.toggle("letters", letters);
  if (letters) shrink(list, "Height");
  else {
    shrink(list, "Width", pages > 1 ? 100 : Math.min(150, 100 * each), 85);
    [...list.children].forEach(row => shrink(row));
  }
  at("page").textContent = pages > 1 ? `${page % pages + 1}/${pages}` : "";
}

function draw(hall) {
  const top = hall.calls[0];
  document.documentElement.style.setProperty("--called", `${hall.figures}vh`);
  document.body.className = hall.phase === "frozen" ? "frozen" : hall.rest ? "rest" : hall.alert ? "alert" : "";
  at("hall").textContent = hall.hall;
  at("date").textContent = hall.date;
  at("time").textContent = hall.time;
  for (const id of ["full", "notice"]) at(id).replaceChildren(make("p", { textContent: hall.notice }), make("p", { textContent: hall.notice_en, lang: "en" }));
  at("nobody").hidden = hall.calls.length > 0;
  at("now").hidden = !top;
  at("missed").hidden = !hall.missed.length;
  at("missed").querySelector("ul").replaceChildren(...hall.missed.map(number => make("li", { textContent: number })));
  if (top) {
    at("now-ticket").textContent = top.ticket;
    at("now-window").querySelector("em").textContent = top.window;
  }
  calls(hall);
  emphasise();
  shown = hall;
  turn();
}

// The pages of what does not fit at once.
function turn() {
  page = Math.floor(performance.now() / PAGE);
  waiting(shown.waiting);
  [...at("notice").children].forEach((text, i) => { text.hidden = i !== page % 2; if (!text.hidden) shrink(text); });
  shrink(document.querySelector("h1"));
}

function listen() {
  source?.close();
  tried = performance.now();
  source = new EventSource("/api/v1/events?screen=1");
  source.addEventListener("hall", event => {
    const hall = JSON.parse(event.data);
    // Another page after an upgrade; fetched first, as a page that failed to load could not come back.
    if (hall.look !== first.look) fetch("/board").then(answer => answer.ok && location.reload(), () => {});
    draw(hall);
    heard = performance.now();
  });
}

setInterval(() => {
  const now = performance.now(), age = now - heard;
  document.body.classList.toggle("stale", age > STALE);
  at("stale").hidden = age <= STALE || age > DEAD;
  at("dead").hidden = age <= DEAD;
  // EventSource gives up after an answer that is not 200, and waits for ever on a line that is dead.
  if (source.readyState === EventSource.CLOSED || (age > SILENT && now - tried > SILENT)) listen();
  emphasise();
  if (page !== Math.floor(now / PAGE)) turn();
}, 500);

draw(first);
listen();
