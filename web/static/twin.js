// The twin: draws what the machines of the simulated hall show, pulls their levers.
"use strict";
const words = JSON.parse(document.body.dataset.words);
const at = id => document.getElementById(id);
const word = code => words[code] ?? code;

function make(tag, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

// Pulls of levers so far: a look that began before the newest pull shows nothing.
let pulls = 0;

async function pull(lever, body) {
  pulls++;
  await fetch(`/twin/${lever}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  pulls++;
  look();
}

// Every device is drawn once; later looks only change what has changed.
const drawn = new Map();

function build(device) {
  const faces = {}, box = make("div");
  box.dataset.device = device.name;
  const key = (name, text) => {
    const button = make("button", { textContent: text, onclick: () => pull("press", { device: device.name, key: name }) });
    button.dataset.key = name;
    return button;
  };
  const lamps = () => {
    faces.lamps = (device.lamps ?? []).map((_, i) => {
      const lamp = make("i", { title: word(`lamp_${i}`) });
      lamp.dataset.lamp = i;
      return lamp;
    });
    box.append(make("div", { className: "lamps" }, ...faces.lamps));
  };
  if (device.buttons) {
    faces.buttons = device.buttons.map(name => key(name, `${name} ${words[`service_${name}`] ?? ""}`));
    box.append(make("div", { className: "buttons" }, ...faces.buttons));
    at("panels").append(box);
  } else if (device.papers !== undefined) {
    faces.papers = make("div", { className: "papers", textContent: word("no_paper"), tabIndex: 0, role: "region", ariaLabel: word("paper") });
    faces.count = 0;
    box.append(faces.papers);
    at("printers").append(box);
  } else if (device.spoken) {
    faces.spoken = make("ol", { className: "spoken" });
    box.append(faces.spoken);
    at("voices").append(box);
  } else if (device.window) {
    let place = at(`window-${device.window}`);
    if (!place) {
      place = make("div", { className: "place", id: `window-${device.window}` },
        make("h2", {}, word("window").replace("{window}", device.window) + " ",
          make("a", { href: `/window/${device.window}`, target: "_blank", textContent: word("pager") })));
      at("windows").append(place);
      for (const p of [...at("windows").children].sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true })))
        at("windows").append(p);
    }
    if (device.keys) {
      lamps();
      if (device.digits)
        box.append(make("div", { className: "keys digits" }, ...[...device.digits].map(digit => key(digit, digit))));
      box.append(make("div", { className: "keys" }, ...device.keys.map(name => key(name, word(`key_${name}`)))));
      place.append(box);
    } else {
      faces.sign = make("div", { className: "sign" });
      box.append(faces.sign);
      place.querySelector("h2").after(box);
    }
  } else {
    // What belongs to no window: a TV, a relay. What is wired to real pins has no face.
    if (device.text !== undefined) box.append(faces.sign = make("div", { className: "sign" }));
    else lamps();
    at("others").append(box);
  }
  if (device.knobs) {
    faces.knobs = Object.entries(device.knobs).map(([knob, value]) => {
      const input = make("input", { type: "checkbox" });
      input.dataset.knob = knob;
      // Noise flips a bit in every 97th byte: rare enough that some frames pass.
      const on = knob === "noise" ? 97 : 1;
      input.onchange = () => pull("knob", { device: device.name, knob, value: input.checked ? on : 0 });
      return input;
    });
    faces.faults = make("details", {}, make("summary", { textContent: `${word("faults")} · ${device.name}` }),
      ...faces.knobs.map(input => make("label", {}, input, ` ${word(`knob_${input.dataset.knob}`)}`)));
    box.append(faces.faults);
  }
  return faces;
}

function update(device, faces) {
  faces.buttons?.forEach(button => button.classList.toggle("lit", Boolean(device.lit[button.dataset.key])));
  faces.lamps?.forEach((lamp, i) => lamp.classList.toggle("on", device.lamps[i]));
  if (faces.sign) faces.sign.textContent = device.text;
  if (faces.papers && device.papers !== faces.count) {
    faces.count = device.papers;
    // Newest on top; the page keeps the last twenty pieces.
    const from = Math.max(0, device.papers - 20);
    faces.papers.replaceChildren(...Array.from({ length: device.papers - from }, (_, i) =>
      make("img", { src: `/twin/paper/${encodeURIComponent(device.name)}/${device.papers - 1 - i}.png`, alt: word("paper") })));
  }
  if (faces.spoken) {
    const texts = device.spoken.slice(-8).reverse();
    if (texts.join() !== faces.text) {
      faces.text = texts.join();
      faces.spoken.replaceChildren(...(texts.length ? texts : [word("silence")]).map(text => make("li", { textContent: text })));
    }
  }
  faces.knobs?.forEach(input => { input.checked = Boolean(device.knobs[input.dataset.knob]); });
  faces.faults?.classList.toggle("broken", Object.values(device.knobs).some(Boolean));
}

async function look() {
  const before = pulls;
  try {
    const hall = await (await fetch("/twin/state")).json();
    if (before !== pulls) return;
    at("clock").textContent = hall.clock;
    at("speed").value = String(hall.speed);
    at("play").ariaPressed = String(hall.playing);
    at("play").textContent = word(hall.playing ? "stop" : "play");
    for (const device of hall.devices) {
      if (!drawn.has(device.name)) drawn.set(device.name, build(device));
      update(device, drawn.get(device.name));
    }
  } catch {
    at("clock").textContent = "—";
  }
}

at("play").onclick = () => pull("play", { on: at("play").ariaPressed !== "true" });
for (const button of document.querySelectorAll("#levers [data-minutes]"))
  button.onclick = () => pull("clock", { minutes: Number(button.dataset.minutes) });
at("speed").onchange = () => pull("clock", { speed: Number(at("speed").value) });
look();
setInterval(look, 300);
