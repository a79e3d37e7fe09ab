"use strict";
// Shows one sample after the other and sends decisions. Texts from data are only ever written as text.
const $ = (id) => document.getElementById(id);
const TITLES = { label: "Label", fix: "Proposed fix", reading: "Model’s reading", decided: "Decided label" };
const STATES = { accept: "accepted", fix: "fix accepted", edit: "edited", reject: "rejected" };
const KEYS = { a: "accept", f: "fix", m: "reading", e: "edit", r: "reject", s: "skip", u: "undo", ArrowLeft: "previous", ArrowRight: "next" };
const FRESH = 2000; // milliseconds for which a sample that was fetched ahead is shown without asking again
const SLOW = 700; // milliseconds after which the page says that it is still loading a sample
const LOADING = "Loading the sample…";

let queue = "doubtful";
let current = null; // the sample that is shown
let ahead = null; // the next one to be decided on, being fetched: {id, at, answer}
let samples = 0; // in the list
let moving = false; // between two samples, keys do nothing
let made = []; // decisions of this tab, to take back: {id, judged, seen}

// A browser may forbid its pages to store anything. Then a reload forgets, and the printed address has to be opened again.
function stored(kind, name) {
  try {
    return window[kind].getItem(name);
  } catch {
    return null;
  }
}
function store(kind, name, value) {
  try {
    window[kind].setItem(name, value);
  } catch {
    // it stays in this tab's memory
  }
}

// The address holds the token once; the browser's storage keeps it for this port alone, unlike a cookie. A tab stays with
// the token that it began with: another run may be served at its port later.
let token = new URLSearchParams(location.search).get("token");
if (token) {
  store("localStorage", "token", token);
  history.replaceState(null, "", location.pathname + location.hash);
} else {
  token = stored("localStorage", "token") || "";
}

async function ask(path, body) {
  const headers = { "X-Texsieve-Token": token };
  const options = body ? { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) } : { headers };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("curate browse doesn’t answer. Is it still running?");
  }
  const text = await response.text();
  if (!(response.headers.get("Content-Type") || "").startsWith("application/json")) throw new Error(text.trim());
  const answer = JSON.parse(text);
  if (answer.error) throw new Error(answer.error);
  return answer;
}

function make(tag, name, ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children);
  return made;
}
const written = (parts) => parts.map(([text, kind]) => (kind ? make("span", kind, text) : text));

function say(text, bad = false) {
  $("said").textContent = text;
  $("said").classList.toggle("bad", bad);
}

// Until the first sample is shown, the page says what it is waiting for.
function waiting(text, failed = false) {
  if ($("loading").hidden) return;
  $("loading-what").textContent = text;
  $("loading-bar").hidden = failed;
}

// Samples --------------------------------------------------------------------------------------------------------------

async function fetched(way, id = "") {
  const answer = await ask("api/sample?" + new URLSearchParams({ queue, way, id }));
  if (answer.app) $("app").href = answer.app;
  $("app").hidden = !answer.app; // it takes some seconds to start
  if (answer.sample) {
    waiting(`Drawing the labels and opening the image of ${answer.sample.id}…`);
    await Promise.all(picturesOf(answer.sample).map(loaded));
  }
  return answer;
}
const picturesOf = (sample) => [sample.photo, ...sample.versions.map((version) => version.picture)].filter(Boolean);
async function loaded(address) {
  const image = new Image();
  image.src = address;
  await image.decode().catch(() => {});
  return image;
}
function fetchAhead() {
  const id = current.id;
  ahead = { id, queue, at: Date.now(), answer: fetched("open", id) };
  ahead.answer.catch(() => {});
}

// Goes to a sample. One that was fetched ahead is shown at once, then fetched again: someone may have decided on it.
async function go(way, id = "") {
  if (moving) return;
  moving = true;
  let told = null; // what stood where the page now says that it is loading
  const slow = setTimeout(() => {
    told = [$("said").textContent, $("said").classList.contains("bad")];
    say(LOADING);
  }, SLOW);
  try {
    const known = way === "open" && ahead && ahead.id === id && ahead.queue === queue ? ahead : null;
    const answer = await (known ? known.answer : fetched(way, id));
    if (!answer.sample && (way === "next" || way === "previous")) return say(way === "next" ? "That was the last one." : "That was the first one.");
    await show(answer);
    if (known && Date.now() - known.at > FRESH) refresh();
  } catch (error) {
    ahead = null;
    waiting("No sample could be loaded. Reload the page to try again.", true);
    say(error.message, true);
  } finally {
    clearTimeout(slow);
    if (told && $("said").textContent === LOADING) say(...told);
    moving = false;
  }
}
async function returnTo(id, message, bad) {
  while (moving) await new Promise((done) => setTimeout(done, 20));
  await go("here", id);
  say(message, bad);
}
async function refresh() {
  const id = current && current.id;
  const answer = await fetched("here", id).catch(() => null);
  if (!answer || !answer.sample || moving || !current || current.id !== id || current.seen === answer.sample.seen || !$("edit").hidden) return;
  await show(answer);
  say("Someone else decided on this sample meanwhile.", true);
}

async function show({ queue: place, sample }) {
  current = sample;
  stopEditing();
  $("loading").hidden = true;
  $("card").hidden = !sample;
  $("end").hidden = !!sample;
  progress(place);
  history.replaceState(null, "", "#" + new URLSearchParams(sample ? { queue, id: sample.id } : { queue }));
  if (!sample) {
    ($("again").hidden ? $("end-title") : $("again")).focus();
    buttons();
    return;
  }
  document.title = `${sample.id} · texsieve`;
  $("title").textContent = sample.id;
  const decision = sample.decision;
  $("state").textContent = !decision ? "undecided" : `${STATES[decision.action]} by ${decision.who || "somebody"}${decision.stale ? ", about an earlier label" : ""}`;
  $("state").dataset.action = decision && !decision.stale ? decision.action : "";
  const facts = [sample.source, sample.split, sample.score !== null && `score ${sample.score.toFixed(2)}`, sample.pair_score !== null && `pair score ${sample.pair_score.toFixed(2)}`];
  $("facts").textContent = facts.filter(Boolean).join(" · ");
  listed(sample.findings);
  const wide = await isWide(sample);
  $("pictures").classList.toggle("wide", wide);
  $("pictures").replaceChildren(...figures(sample));
  buttons();
  $("title").focus({ preventScroll: true });
  scrollTo(0, 0);
  fetchAhead();
}

function progress({ decided, total, at }) {
  const all = total.toLocaleString("en");
  $("place").textContent = at === null ? `a list of ${all}` : `sample ${(at + 1).toLocaleString("en")} of ${all}`;
  samples = total;
  $("bar").max = Math.max(total, 1);
  count(decided);
}
function count(decided) {
  $("bar").value = decided;
  $("decided").textContent = `, ${decided.toLocaleString("en")} decided`;
  const left = samples - decided;
  $("left").textContent = left ? `${left.toLocaleString("en")} of ${samples.toLocaleString("en")} left: you skipped or passed them.` : "All decided. Choose another list above, or run curate export, which applies the decisions.";
  $("again").hidden = !left;
}
// Pictures of long formulas are stacked, others are side by side.
async function isWide(sample) {
  const image = await loaded(picturesOf(sample)[0]);
  return image.naturalWidth > 6 * image.naturalHeight;
}
function listed(findings) {
  const remarks = findings.filter(({ severity }) => severity === "info");
  const worse = findings.filter(({ severity }) => severity !== "info").map(line);
  $("findings").replaceChildren(...(findings.length ? worse : [make("li", "clean", "Nothing found")]));
  $("remarks").hidden = !remarks.length;
  $("remarks").open = !worse.length;
  $("remarks").firstChild.textContent = remarks.length === 1 ? "1 remark" : `${remarks.length} remarks`;
  $("remarks").lastChild.replaceChildren(...remarks.map(line));
}
function line({ rule, name, severity, message, more }) {
  const where = make("span", "rule", ` ${rule} ${name}${more ? `, and ${more} more in this label` : ""}`);
  return make("li", severity, make("span", "severity", `${severity} `), ...written(message), where);
}
function figures(sample) {
  const shown = sample.versions.filter((version) => !version.same);
  const photo = sample.photo ? [figure("Image", "", sample.photo, "The sample’s image")] : [figure("Image", "this sample has no image", null)];
  return photo.concat(shown.map((version) => {
    const same = sample.versions.filter((other) => other.same === version.kind).map((other) => TITLES[other.kind].toLowerCase());
    const note = [version.note, ...same.map((name) => `= ${name}`)].filter(Boolean).join(", ");
    const made = figure(TITLES[version.kind], note, version.picture, `${TITLES[version.kind]}, drawn`);
    made.append(make("code", "", ...written(version.parts)));
    return made;
  }));
}
function figure(title, note, address, alt = "") {
  const caption = make("figcaption", "", title, ...(note ? [make("span", "", note)] : []));
  const paper = make("div", "paper");
  if (address) {
    const image = make("img");
    image.alt = alt;
    image.src = address;
    paper.append(image);
  }
  return make("figure", "", caption, paper);
}

// Decisions ------------------------------------------------------------------------------------------------------------

const version = (kind) => current && current.versions.find((one) => one.kind === kind);
function missing(action) {
  if (!current && action === "previous") return !samples && "The list is empty.";
  if (!current) return action === "undo" ? !made.length && "There is nothing to take back." : "No sample is shown.";
  if (action === "fix" && !version("fix")) return "There is no proposed fix for this sample.";
  if (action === "reading" && !version("reading")) return "No model reads this sample differently.";
  if (action === "undo" && !made.length && !current.decision) return "There is nothing to take back.";
  return false;
}
function buttons() {
  for (const button of document.querySelectorAll("[data-do]")) button.setAttribute("aria-disabled", String(!!missing(button.dataset.do)));
}

function decide(action, label = null) {
  const sample = current;
  const { decision } = sample;
  if (decision && !decision.stale && decision.action === action && decision.label === label) return go("open", sample.id);
  const entry = { id: sample.id, judged: sample.label, seen: null };
  made.push(entry);
  entry.answer = send({ id: sample.id, judged: sample.label, seen: sample.seen, action, label }).then(
    (answer) => {
      entry.seen = answer.seen;
      if (!answer.done) return failed(entry, answer.message);
      keep();
      count(answer.decided);
      say(`${sample.id}: ${answer.message}`);
    },
    (error) => failed(entry, error.message),
  );
  return go("open", sample.id);
}
const send = (decision) => ask("api/decide", { ...decision, queue, who: $("who").value.trim() });
// The decision was refused: back to its sample, with the reason.
async function failed(entry, message) {
  made = made.filter((other) => other !== entry);
  keep();
  await returnTo(entry.id, message, true);
}
const kept = () => `made in ${$("run").textContent}`;
function keep() {
  store("sessionStorage", kept(), JSON.stringify(made.filter((entry) => entry.seen).map(({ id, judged, seen }) => ({ id, judged, seen })).slice(-200)));
}
async function undo() {
  const entry = made.pop() || { id: current.id, judged: current.label, seen: current.seen };
  await entry.answer;
  if (entry.seen === null) return; // it was refused
  keep();
  try {
    const answer = await send({ id: entry.id, judged: entry.judged, seen: entry.seen, action: "undo", label: null });
    await returnTo(entry.id, answer.message, !answer.done);
  } catch (error) {
    made.push(entry); // to be tried again
    keep();
    say(error.message, true);
  }
}

const ACTIONS = {
  accept: () => decide("accept"),
  fix: () => decide("fix", version("fix").label),
  reading: () => decide("edit", version("reading").label),
  reject: () => decide("reject"),
  edit: startEditing,
  undo,
  skip: () => go("open", current.id),
  next: () => go("next", current.id),
  previous: () => go("previous", current ? current.id : ""), // from the end of a list: its last sample
};
function act(action) {
  if (moving || !$("edit").hidden) return;
  const why = missing(action);
  if (why) return say(why);
  say("");
  return ACTIONS[action]();
}

// Editing --------------------------------------------------------------------------------------------------------------

let asked = 0, timer = 0;
function startEditing() {
  const first = version("decided") || version("fix") || version("label");
  $("edit").hidden = false;
  $("keys").hidden = true;
  $("text").value = first.label;
  const drawn = figure("New label", "", first.picture, "The new label, drawn");
  drawn.id = "new";
  $("pictures").insertBefore(drawn, $("pictures").children[1] || null);
  $("text").focus();
  typed();
}
function stopEditing() {
  $("edit").hidden = true;
  $("keys").hidden = false;
  clearTimeout(timer);
  asked += 1;
  if ($("new")) $("new").remove();
}
function cancel() {
  stopEditing();
  listed(current.findings);
  $("title").focus();
}
function problem() {
  const text = $("text").value;
  if (!text.trim()) return "The label is empty. To leave the sample out, cancel and reject it.";
  return text === current.label ? "No change yet." : "";
}
function typed() {
  $("hint").textContent = problem();
  $("save").setAttribute("aria-disabled", String(!!problem()));
  clearTimeout(timer);
  timer = setTimeout(look, 120);
}
async function look() {
  const number = (asked += 1);
  try {
    const answer = await ask("api/look", { id: current.id, label: $("text").value });
    const image = await loaded(answer.picture);
    if (number !== asked || $("edit").hidden) return;
    image.alt = "The new label, drawn";
    $("new").querySelector(".paper").replaceChildren(image);
    listed(answer.findings);
  } catch (error) {
    if (number === asked) say(error.message, true);
  }
}
function save() {
  if (problem() || moving) return;
  const label = $("text").value;
  stopEditing();
  decide("edit", label);
}
$("text").addEventListener("input", typed);
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); save(); }
});
$("edit").addEventListener("submit", (event) => { event.preventDefault(); save(); });
$("edit").addEventListener("keydown", (event) => { if (event.key === "Escape") cancel(); });
$("cancel").addEventListener("click", cancel);

// The page -------------------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("input, select, textarea")) return;
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  act(action);
});
for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", () => act(button.dataset.do));
$("again").addEventListener("click", () => go("first"));
$("queue").addEventListener("change", () => { queue = $("queue").value; $("queue").blur(); go("first"); });
$("who").addEventListener("change", () => store("sessionStorage", "who", $("who").value.trim()));
$("who").addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === "Escape") $("who").blur(); });
addEventListener("hashchange", arrive);

function arrive() {
  const place = new URLSearchParams(location.hash.slice(1));
  queue = place.get("queue") || queue;
  choose();
  return place.get("id") ? go("here", place.get("id")) : go("first");
}
function choose() {
  const options = [...$("queue").options];
  if (!options.some((option) => option.value === queue)) $("queue").append(new Option("chosen in the App", queue));
  $("queue").value = queue;
}
async function start() {
  try {
    const { run, who, queues } = await ask("api/start");
    $("run").textContent = run;
    $("who").value = stored("sessionStorage", "who") || who;
    made = JSON.parse(stored("sessionStorage", kept()) || "[]");
    $("queue").append(...queues.map(({ name, title, samples }) => new Option(`${title} (${samples.toLocaleString("en")})`, name)));
    if (!queues.some(({ name }) => name === queue)) queue = "all";
    waiting("Opening the first sample…");
    await arrive();
  } catch (error) {
    waiting("The run could not be opened. Reload the page to try again.", true);
    say(error.message, true);
  }
}
start();
