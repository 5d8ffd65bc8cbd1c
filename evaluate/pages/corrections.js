// Detections as people judge them, and the line of a list that is made of it.
const WAITS = "", CONFIRMED = "confirmed", REFUSED = "refused";
const judged = page.detections.map((one) => ({verdict: WAITS, label: one.label, start: startOf(one), end: endOf(one)}));

function element(name, attributes, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}
function choice(words, options, chosen, change) {
  const made = element("select", {"aria-label": words});
  for (const [value, text] of options) made.append(element("option", {value}, text));
  made.value = chosen;
  made.addEventListener("change", () => change(made.value));
  return made;
}
function time(words, event, key) {
  const made = element("input", {type: "number", "aria-label": words, min: 0, max: page.end, step: "any"});
  made.value = event[key];
  const take = () => {
    event[key] = made.value === "" ? NaN : Number(made.value);
    redraw();
  };
  made.addEventListener("change", take);
  const here = element("button", {type: "button", "aria-label": `${words}: this moment`}, "now");
  here.addEventListener("click", () => {
    made.value = page.unit === "seconds" ? now.toFixed(3) : Math.round(now);
    take();
  });
  return element("td", {}, made, " ", here);
}

function redraw() {
  mark(judged.filter((one) => one.verdict !== REFUSED && one.start < one.end));
  byId("saved").textContent = "";
}

function line(event, number) {
  const words = `event ${number + 1}`;
  const go = element("button", {type: "button", class: "go"}, `${number + 1}: ${clock(event.start)}`);
  go.addEventListener("click", () => { go.dataset.to = event.start || 0; });
  go.dataset.to = event.start;
  const verdicts = [[WAITS, "not judged"], [CONFIRMED, "confirmed"], [REFUSED, "refused"]];
  const classes = page.classes.slice(1).map((one) => [one.label, one.name]);
  return element("tr", {},
    element("td", {}, go),
    element("td", {}, choice(`Verdict on ${words}`, verdicts, event.verdict, (value) => {
      event.verdict = value;
      redraw();
    })),
    element("td", {}, choice(`Class of ${words}`, [["", "not named"], ...classes], event.label ?? "", (value) => {
      event.label = value || null;
      redraw();
    })),
    time(`Begin of ${words}`, event, "start"),
    time(`End of ${words}`, event, "end"),
  );
}
function lay(event, number) {
  byId("judged").hidden = false;
  byId("judged").tBodies[0].append(line(event, number));
}
judged.forEach(lay);

// Why the corrections cannot be saved as they are; nothing if they can.
function wrong() {
  for (const [number, one] of judged.entries()) {
    const words = `Event ${number + 1}`;
    if (one.verdict === WAITS) return `${words} is not judged: confirm or refuse it.`;
    if (one.verdict === REFUSED) continue;
    if (one.label === null) return `${words} has no class: choose one.`;
    if (!(0 <= one.start && one.start < one.end && one.end <= page.end)) {
      return `${words} must begin before it ends, within 0 and ${page.end}.`;
    }
  }
  return "";
}

// A line as extract.own reads it.
function listLine(split) {
  const round = (value) => page.unit === "seconds" ? Math.round(value * 1000) / 1000 : Math.round(value);
  const events = judged.filter((one) => one.verdict === CONFIRMED);
  const labels = [...new Set(events.map((one) => one.label))];
  return JSON.stringify({
    video: page.listed,
    split,
    labels: labels.length ? labels.join("-") : page.classes[0].label,
    segments: events.map((one) => ({label: one.label, start: round(one.start), end: round(one.end)})),
    unit: page.unit,
  }) + "\n";
}

byId("missed").addEventListener("click", () => {
  const event = {verdict: CONFIRMED, label: null, start: now, end: Math.min(now + page.end / 10, page.end)};
  judged.push(event);
  lay(event, judged.length - 1);
  redraw();
  byId("judged").tBodies[0].lastElementChild.querySelector("select:not([aria-label^=Verdict])").focus();
});
byId("save").addEventListener("click", () => {
  const reason = wrong();
  byId("saved").textContent = reason;
  if (reason) return;
  const file = new Blob([listLine(byId("split").value)], {type: "application/x-ndjson"});
  const link = element("a", {href: URL.createObjectURL(file), download: `${page.video_id}.jsonl`});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  byId("saved").textContent = `Saved as ${page.video_id}.jsonl.`;
});
