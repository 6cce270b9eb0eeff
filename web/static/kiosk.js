// The kiosk: home -> service -> ticket. Everything acts when the finger is lifted (click).
"use strict";
const at = id => document.getElementById(id);
const words = JSON.parse(document.body.dataset.words);
const base = `/kiosk/${encodeURIComponent(document.body.dataset.kiosk)}`;
const IDLE = 60000, SHOWN = 12000, STALE = 5000, SLOW = 150; // ms
let hall = JSON.parse(document.body.dataset.first), heard = performance.now();
let lang = "zh", grand = false, screen = "home", group = "", leaf = 0, chosen = null, care = false, given = null, message = null;
let touched = performance.now(), since = 0, press = "", busy = false, drawn = "", hushed = false, told = "";
const voice = new Audio();
const seen = new Set(hall.newest ? [hall.newest.number] : []);

const word = (code, values = {}) => (words[code]?.[lang] ?? code).replace(/\{(\w+)\}/g, (_, name) => values[name]);
function make(tag, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}
const service = () => hall.services.find(one => one.code === chosen);

function go(to, change = () => {}) {
  change();
  screen = to;
  since = performance.now();
  draw();
}
const home = () => go("home", () => { group = ""; leaf = 0; chosen = null; care = false; given = message = null; });
const leave = () => { lang = "zh"; grand = hushed = false; home(); };
const done = () => (grand ? leave : home)();

function tiles() {
  // Two levels only where hall.toml names groups; what has no group stands beside them.
  const inside = hall.services.filter(one => one.group === group);
  const groups = group ? [] : Object.entries(hall.groups).filter(([code]) => hall.services.some(one => one.group === code));
  return [
    ...groups.map(([code, name]) => ({ code, name: name[lang], note: "", act: () => go("home", () => { group = code; leaf = 0; }) })),
    ...inside.map(one => ({
      code: one.code, name: one.name[lang], no: one.no[lang],
      note: one.no[lang] || [word("ahead", { count: one.ahead }), one.wait[lang]].filter(Boolean).join(" · "),
      act: () => one.no[lang] ? go("no", () => { message = one.no; chosen = one.code; })
        : go("service", () => { chosen = one.code; care = false; press = crypto.randomUUID?.() ?? `${Date.now()}${Math.random()}`; }),
    })),
  ];
}

function screens() {
  if (hall.phase === "frozen") return [make("h2", { textContent: hall.said[lang] })];
  if (screen === "moment") return [make("h2", { textContent: word("moment") })];
  if (screen === "ticket" && given) {
    const own = given.screen ? word(hall.paper ? "take_paper" : "remember") : word("take_paper");
    const box = make("div", { className: "panel" }, make("p", { className: "number", textContent: given.number }),
      make("p", { className: "big", textContent: given.windows[lang] }), make("p", { textContent: given.ahead[lang] }));
    if (given.qr) box.append(make("img", { src: given.qr, alt: word("qr") }));
    return [make("h2", { textContent: own }), box, row([word("ready"), done, "do"])];
  }
  if (screen === "no") return [make("h2", { textContent: word("sorry") }),
    make("div", { className: "panel" }, make("p", { className: "big", textContent: message[lang] }), make("p", { textContent: word("instead") })),
    row([word("back"), home, "do"])];
  if (screen === "time") return [make("h2", { textContent: word("more_time") }), make("div"), row([word("yes"), () => go(chosen ? "service" : "home"), "do"], [word("no"), done])];
  if (screen === "service" && service()) {
    const one = service(), list = make("ul", {}, ...one.materials.map(text => make("li", { textContent: `☐ ${text}` })));
    const box = make("div", { className: "panel" });
    if (one.materials.length) box.append(make("p", { textContent: word("bring") }), list);
    box.append(make("p", { className: "big", textContent: word("ahead", { count: one.ahead }) }));
    if (one.wait[lang]) box.append(make("p", { textContent: word("wait", { range: one.wait[lang] }) }));
    if (hall.care) {
      const ask = make("button", { className: care ? "do" : "", textContent: `${care ? "☑" : "☐"} ${word("care", { minutes: hall.care })}`,
        onclick: () => go("service", () => { care = !care; }) });
      ask.setAttribute("aria-pressed", care);
      box.append(make("div", { className: "row" }, ask));
    }
    return [make("h2", { textContent: one.name[lang] }), box, row([word("print"), take, "do"])];
  }
  const all = tiles(), size = grand ? 2 : 6, pages = Math.ceil(all.length / size);
  const grid = make("div", { className: "tiles" }, ...all.slice(leaf * size, leaf * size + size).map(tile =>
    make("button", { className: tile.no ? "no" : "", onclick: tile.act }, make("b", { textContent: tile.name }), make("small", { textContent: tile.note }))));
  if (all.length < 3) grid.classList.add("few");
  const title = hall.phase === "open" ? word("choose") : hall.said[lang];
  if (hall.off) return [make("h2", { textContent: title }), make("div", { className: "panel" }, make("p", { className: "big", textContent: word("power_off", { time: hall.off }) }))];
  return [make("h2", { textContent: title }), grid, ...(pages > 1 ? [row([word("before_page"), () => go("home", () => { leaf = (leaf + pages - 1) % pages; })],
    [word("next_page", { page: leaf + 1, pages }), () => go("home", () => { leaf = (leaf + 1) % pages; })])] : [])];
}

function row(...buttons) {
  return make("div", { className: "row" }, ...buttons.map(([text, act, kind]) => make("button", { textContent: text, onclick: act, className: kind ?? "" })));
}

// What is said of the screen: codes of sentences in display/words/words.toml, each with what it is about.
function sentences() {
  const one = service(), all = tiles();
  if (hall.phase === "frozen" || (screen === "home" && hall.phase !== "open")) return ["said"];
  if (screen === "ticket" && given) return [`number ${given.number}`, `windows ${given.number}`, given.screen && !hall.paper ? "remember" : "take_paper"];
  if (screen === "moment") return [];
  if (screen === "no") return [`no ${chosen}`];
  if (screen === "time") return ["more_time"];
  // hall.toml names materials in Chinese, which the English voice cannot read.
  if (screen === "service" && one) return [`name ${chosen}`, lang === "zh" && one.materials.length && `bring ${chosen}`, `ahead ${chosen}`,
    one.wait[lang] && `wait ${chosen}`, hall.care && "care", "print"].filter(Boolean);
  const shown = all.slice(leaf * 2, leaf * 2 + 2).map((tile, n) => `${n ? "lower" : "upper"} ${tile.code}`);
  return ["said", ...shown, ...(all.length > 2 ? ["more"] : [])];
}

function speak() {
  const said = grand && !hushed ? sentences() : [];
  const query = new URLSearchParams([["lang", lang], ...said.map(one => ["say", one])]);
  const now = said.length ? `${base}/voice?${query}` : "";
  if (now === told) return;
  told = now;
  voice.pause();
  if (now) { voice.src = now; voice.play().catch(() => { /* the text stands there */ }); }
}

function draw() {
  // Drawn anew only when something has changed, so that the focus stays where it is.
  const key = JSON.stringify([{ ...hall, time: "", newest: "" }, lang, grand, screen, group, leaf, chosen, care, given, message, hushed]);
  at("time").textContent = hall.time;
  if (key === drawn) return;
  drawn = key;
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  document.body.className = hall.phase === "frozen" ? "frozen" : grand ? "grand" : "";
  document.querySelector("h1").textContent = document.querySelector("h1").dataset[lang];
  at("lang").textContent = word("language");
  at("lang").lang = lang === "zh" ? "en" : "zh-CN";
  at("large").textContent = word("large");
  at("large").setAttribute("aria-pressed", grand);
  at("sound").textContent = word(hushed ? "unhush" : "hush");
  at("sound").hidden = !grand;
  at("help").textContent = word(hall.asked ? "coming" : "help");
  at("back").textContent = word("back");
  at("back").hidden = screen === "home" && !group;
  at("off").textContent = word("off");
  const notes = [hall.doubt && word("doubt"), !hall.paper && !hall.starting && hall.phase === "open" && word("no_paper"), hall.starting && word("starting")];
  at("note").textContent = notes.filter(Boolean).join("  ");
  at("main").replaceChildren(...screens());
  speak();
}

async function take() {
  if (busy) return;
  busy = true;
  const slow = setTimeout(() => go("moment"), SLOW);
  try {
    const answer = await (await fetch(`${base}/take`, { method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ service: chosen, care, large: grand, press }), signal: AbortSignal.timeout(8000) })).json();
    if (answer.no) go("no", () => { message = answer.no; });
    else if (answer.ticket) {
      seen.add(answer.ticket.number);
      go("ticket", () => { given = { ...answer.ticket, qr: answer.qr }; });
    } else home();
  } catch { go("service"); heard = -Infinity; } finally { clearTimeout(slow); busy = false; }
  look();
}

async function look() {
  try {
    const answer = await fetch(`${base}/state`, { signal: AbortSignal.timeout(4000) });
    if (answer.status === 403) { location.reload(); return; }
    hall = await answer.json();
    heard = performance.now();
    // A ticket by a button beside the screen, or one whose paper failed after all.
    const newest = hall.newest;
    if (newest && newest.age < 8 && !seen.has(newest.number) && screen !== "service") { seen.add(newest.number); go("ticket", () => { given = newest; }); }
    else if (newest && given?.number === newest.number && newest.screen !== given.screen) given = { ...given, screen: newest.screen };
    draw();
  } catch { /* the screen says so when it lasts */ }
}

at("lang").onclick = () => go(screen, () => { lang = lang === "zh" ? "en" : "zh"; });
at("large").onclick = () => go(screen, () => { grand = !grand; hushed = false; leaf = 0; });
at("sound").onclick = () => go(screen, () => { hushed = !hushed; });
at("back").onclick = home;
at("help").onclick = () => fetch(`${base}/help`, { method: "POST" }).then(look, look);
addEventListener("pointerdown", () => { touched = performance.now(); });
addEventListener("keydown", () => { touched = performance.now(); });
addEventListener("contextmenu", event => event.preventDefault());
const news = new EventSource("/api/v1/events");
news.addEventListener("hall", look);
setInterval(() => {
  const now = performance.now();
  if (!voice.paused && !voice.ended && voice.readyState > 2) since = now;  // who listens is not idle
  const idle = now - Math.max(touched, since);
  at("off").hidden = now - heard < STALE;
  if (now - heard > 2500) look();
  if (screen === "ticket" && idle > SHOWN) done();
  else if (screen === "no" && idle > SHOWN) home();
  else if (screen === "service" && idle > IDLE) go("time");
  else if (screen === "time" && idle > 30000) leave();
  else if (screen === "home" && grand && idle > IDLE) go("time");
  else if (screen === "home" && !grand && idle > 30000 && (lang !== "zh" || group || leaf)) leave();
}, 500);
draw();
