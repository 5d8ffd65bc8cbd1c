"use strict";
// Draws what the page holds and keeps it in step with the video, which may be absent.
const page = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const video = byId("video"), seek = byId("seek"), panels = byId("panels");
const playable = () => page.unit === "seconds" && !video.classList.contains("absent");
// Of what is drawn, in pixels; more snippets than that are drawn by the highest of each pixel.
const MOST_COLUMNS = 2000, ROW = 20, SVG = "http://www.w3.org/2000/svg";
let now = 0;
// When the first picture appears by the player's clock: a sound that begins earlier moves it.
let first = 0;

function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  if (page.unit !== "seconds") return `frame ${Math.floor(seconds)}`;
  const minutes = Math.floor(tenths / 600), rest = (tenths % 600 / 10).toFixed(1).padStart(4, "0");
  return minutes < 60 ? `${minutes}:${rest}`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

function show(moment) {
  now = Math.min(Math.max(moment, 0), page.end);
  panels.style.setProperty("--now-at", `${100 * now / page.end}%`);
  seek.value = now;
  seek.setAttribute("aria-valuetext", clock(now));
  byId("now").textContent = clock(now);
  for (const element of document.querySelectorAll("[data-from]")) {
    const within = Number(element.dataset.from) <= now && now < Number(element.dataset.until);
    element.toggleAttribute("aria-current", within);
    if (within) element.setAttribute("aria-current", "time");
  }
}

function go(moment) {
  show(moment);
  if (playable()) video.currentTime = now + first;
}

// Columns to draw: where each begins and ends, and the snippets that it stands for.
function columns() {
  const count = page.edges.length - 1, step = Math.max(1, Math.ceil(count / MOST_COLUMNS)), found = [];
  for (let begin = 0; begin < count; begin += step) {
    const after = Math.min(begin + step, count);
    found.push({begin, after, start: page.edges[begin] / page.end, end: page.edges[after] / page.end});
  }
  return found;
}
// null where nothing was scored.
const highest = (values, column) => {
  let most = null;
  for (let index = column.begin; index < column.after; index++) {
    if (values[index] !== null) most = Math.max(most ?? 0, values[index]);
  }
  return most;
};

function add(svg, name, attributes, words) {
  const shape = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
  if (words) {
    const title = document.createElementNS(SVG, "title");
    title.textContent = words;
    shape.append(title);
  }
  svg.append(shape);
}
const box = (start, end, y, height, kind) => ({
  x: 1000 * start / page.end, width: Math.max(1000 * (end - start) / page.end, 1), y, height, class: kind,
});
// What is marked in the drawings; corrections change it.
let marks = [];
const startOf = (detection) => page.unit === "seconds" ? detection.start_seconds : detection.start_frame;
const endOf = (detection) => page.unit === "seconds" ? detection.end_seconds : detection.end_frame;

function drawLines() {
  const svg = byId("lines"), height = (value) => (97 - 94 * value).toFixed(2);
  svg.replaceChildren();
  for (const one of marks) add(svg, "rect", box(one.start, one.end, 0, 100, "found"), clock(one.start));
  const level = height(page.threshold);
  add(svg, "line", {x1: 0, x2: 1000, y1: level, y2: level, class: "at-threshold"});
  page.lines.forEach((line, number) => {
    let pen = "M";
    const steps = columns().map((column) => {
      const value = highest(line.values, column), from = pen;
      pen = value === null ? "M" : "L";
      if (value === null) return "";
      return `${from}${(1000 * column.start).toFixed(2)} ${height(value)}H${(1000 * column.end).toFixed(2)}`;
    });
    add(svg, "path", {d: steps.join(""), class: `line-${number}`});
  });
}

function drawClasses() {
  const canvas = byId("classes"), pen = canvas.getContext("2d"), frames = byId("frames");
  canvas.width = MOST_COLUMNS;
  canvas.height = page.classes.length;
  canvas.parentElement.style.height = `${ROW * page.classes.length}px`;
  canvas.style.imageRendering = "pixelated";
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--map");
  const drawn = columns();
  page.classes.forEach((one, row) => {
    for (const column of drawn) {
      pen.globalAlpha = highest(one.values, column) ?? 0;
      const left = Math.round(column.start * canvas.width);
      pen.fillRect(left, row, Math.max(1, Math.round(column.end * canvas.width) - left), 1);
    }
  });
  const tall = 100 / page.classes.length;
  frames.replaceChildren();
  for (const one of marks) {
    const row = page.classes.findIndex((other) => other.label === one.label);
    if (row >= 0) add(frames, "rect", box(one.start, one.end, row * tall, tall, "framed"));
  }
}

function drawTruth() {
  const svg = byId("truth");
  if (svg === null) return;
  for (const one of page.truth) {
    add(svg, "rect", box(one.start, one.end, 20, 60, "true"), `${one.class}, ${clock(one.start)}`);
  }
}

function drawTicks() {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];
  const step = steps.find((one) => page.end / one <= 10) ?? page.end;
  for (let at = 0; at <= page.end * 0.97; at += step) {
    const tick = document.createElement("span");
    tick.textContent = clock(at);
    tick.style.left = `${100 * at / page.end}%`;
    byId("ticks").append(tick);
  }
}

function follow(element, start, end) {
  element.dataset.from = start;
  element.dataset.until = end;
}
document.querySelectorAll("tr[data-detection]").forEach((row) => {
  const one = page.detections[Number(row.dataset.detection)];
  follow(row, startOf(one), endOf(one));
});
document.querySelectorAll("#annotated li").forEach((item, number) => {
  follow(item, page.truth[number].start, page.truth[number].end);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.go");
  if (button) go(Number(button.dataset.to));
  const plot = event.target.closest(".plot");
  if (plot) {
    const place = plot.getBoundingClientRect();
    go(page.end * (event.clientX - place.left) / place.width);
  }
});
document.addEventListener("keydown", (event) => {
  const inOwn = event.target.closest("video,select,textarea,input:not(#seek)");
  if (inOwn || event.altKey || event.ctrlKey || event.metaKey) return;
  const little = page.unit === "seconds" ? (event.shiftKey ? 0.1 : 1) : page.end / 100;
  const far = page.unit === "seconds" ? 10 : page.end / 10;
  const moves = {
    ArrowLeft: now - little, ArrowRight: now + little, PageUp: now - far, PageDown: now + far, Home: 0, End: page.end,
  };
  if (event.key in moves) {
    go(moves[event.key]);
  } else if (event.key === " " && !event.target.closest("button,a") && playable()) {
    video.paused ? video.play() : video.pause();
  } else {
    return;
  }
  event.preventDefault();
});
seek.addEventListener("input", () => go(Number(seek.value)));

function unplayable() {
  video.classList.add("absent");
  byId("unplayable").hidden = false;
}
video.addEventListener("error", unplayable);
// What is heard and has no picture that this browser can show is no video to a reader.
video.addEventListener("loadedmetadata", () => { if (video.videoWidth === 0) unplayable(); });
if (video.error !== null) unplayable();
video.addEventListener("seeked", () => show(video.currentTime - first));
video.addEventListener("timeupdate", () => { if (!video.seeking) show(video.currentTime - first); });
function each() {
  if (!video.paused && !video.seeking) show(video.currentTime - first);
  if (!video.paused) requestAnimationFrame(each);
}
video.addEventListener("play", () => requestAnimationFrame(each));
video.requestVideoFrameCallback?.((at, shown) => { if (video.currentTime === 0) first = shown.mediaTime; });

function mark(events) {
  marks = events;
  drawLines();
  drawClasses();
}

mark(page.detections.map((one) => ({start: startOf(one), end: endOf(one), label: one.label})));
drawTruth();
drawTicks();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawClasses);
show(0);
