"use strict";
// Shows what the watch tells as it comes: the newest snippets of every source, and events.
const page = JSON.parse(document.getElementById("data").textContent);
const SHOWN_SECONDS = 120, MOST_ROWS = 200, PICTURE_MILLISECONDS = 1000, SVG = "http://www.w3.org/2000/svg";
const table = document.getElementById("events"), body = table.querySelector("tbody");
const state = document.getElementById("state");
const sites = new Map(page.sources.map((name, number) => [name, {
  name, place: document.querySelector(`section[data-source="${number}"]`), snippets: [], fresh: false,
}]));
// By source and event; of each its last line, which a clip's line does not replace.
const events = new Map();

const at = (name) => encodeURIComponent(name);
const percent = (share) => `${Math.round(100 * share)}%`;
const within = (site, kind) => site.place.querySelector(kind);

function shape(svg, name, attributes) {
  const one = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  svg.append(one);
}

function draw(site) {
  const svg = within(site, "svg"), last = site.snippets.at(-1);
  svg.replaceChildren();
  if (!last) return;
  const across = (clock) => 1000 * (1 + (clock - last.clock) / SHOWN_SECONDS), down = (value) => 97 - 94 * value;
  for (const one of site.snippets) {
    if (Math.max(one.anomaly, one.alignment) >= page.threshold) {
      const x = across(one.clock - one.seconds);
      shape(svg, "rect", {x, width: Math.max(across(one.clock) - x, 1), y: 0, height: 100});
    }
  }
  const level = down(page.threshold);
  shape(svg, "line", {x1: 0, x2: 1000, y1: level, y2: level, class: "threshold"});
  for (const branch of ["classification", "alignment"]) {
    const value = (one) => down(branch === "alignment" ? one.alignment : one.anomaly);
    // A line would bridge what was skipped or not there.
    const steps = site.snippets.map((one) => `M${across(one.clock - one.seconds)} ${value(one)}H${across(one.clock)}`);
    shape(svg, "path", {d: steps.join(""), class: branch});
  }
}

function say(site, text, alarm) {
  within(site, ".now").textContent = text;
  site.place.classList.toggle("alarm", alarm);
}

function snippet(site, told) {
  site.snippets.push(told);
  while (site.snippets[0].clock < told.clock - SHOWN_SECONDS) site.snippets.shift();
  site.fresh = true;
  const anomaly = Math.max(told.anomaly, told.alignment), alarm = anomaly >= page.threshold;
  say(site, `Anomaly ${percent(anomaly)}${alarm ? `, likeliest ${told.class} ${percent(told.probability)}` : ""}`, alarm);
  within(site, ".quiet").textContent =
    `${new Date(1000 * told.clock).toISOString().slice(11, 19)} UTC, scored by the ${site.model ?? "model"} `
    + `${told.latency.toFixed(1)} s later`;
}

function cell(row, text, kind) {
  const one = row.insertCell();
  one.textContent = text;
  if (kind) one.className = kind;
  return one;
}

function link(place, file, ...content) {
  const one = document.createElement("a");
  one.href = file;
  one.append(...content);
  place.replaceChildren(one);
}

function event(site, told) {
  const key = `${site.name}/${told.event}`, folder = `./${at(site.name)}`;
  let one = events.get(key);
  if (!one) {
    if (told.what === "clip") return; // of an event that is forgotten
    one = {row: body.insertRow(0), thumbnail: null};
    events.set(key, one);
    one.row.dataset.key = key;
    while (body.rows.length > MOST_ROWS) {
      events.delete(body.rows[MOST_ROWS].dataset.key);
      body.rows[MOST_ROWS].remove();
    }
  }
  Object.assign(one, told.what === "clip" ? {clip: told.clip, page: told.page} : {
    ...told, thumbnail: told.thumbnail ?? one.thumbnail, clip: one.clip, page: told.page ?? one.page,
  });
  const row = one.row, over = one.what === "ends";
  row.replaceChildren();
  const began = cell(row, one.began);
  if (one.thumbnail) {
    const seen = document.createElement("img");
    seen.alt = `Picture of ${one.class}`;
    seen.src = `${folder}/${at(one.thumbnail)}`;
    began.prepend(seen);
  }
  if (one.page) link(began, `${folder}/${at(one.page)}`, ...began.childNodes);
  cell(row, site.name);
  cell(row, one.class);
  cell(row, percent(one.confidence), "number");
  cell(row, percent(one.anomaly), "number");
  cell(row, (one.end_seconds - one.start_seconds).toFixed(1), "number");
  cell(row, over ? "over" : "goes on", over ? "" : "on");
  const clip = cell(row, "-");
  if (one.clip) link(clip, `${folder}/${at(one.clip)}`, one.clip);
  table.hidden = false;
  document.getElementById("none").hidden = true;
}

const source = new EventSource("./.live");
source.onopen = () => { state.textContent = "The watch is running."; };
source.onerror = () => { state.textContent = "The watch does not answer; it is asked again."; };
source.onmessage = (message) => {
  const told = JSON.parse(message.data), site = sites.get(told.source);
  if (told.what === "closed") {
    source.close();
    state.textContent = "The watch has ended.";
  } else if (told.what === "opened") {
    site.model = told.model;
    site.snippets = [];
    say(site, `connected ${told.sound ? "with" : "without"} sound`, false);
  } else if (told.what === "lost") {
    say(site, "not connected", false);
    within(site, "img").hidden = true;
  } else if (told.what === "snippet") {
    snippet(site, told);
  } else {
    event(site, told);
  }
};

// As often as one can see, and no picture that nobody looks at.
setInterval(() => {
  if (document.hidden) return;
  for (const site of sites.values()) {
    if (!site.fresh) continue;
    site.fresh = false;
    draw(site);
    const seen = within(site, "img");
    seen.src = `./.picture/${at(site.name)}?${site.snippets.at(-1).clock}`;
    seen.hidden = false;
  }
}, PICTURE_MILLISECONDS);
