// The page: a state, its address, and what is shown for it. Everything that happens changes the state first.
import * as api from "./api.js";
import { Activity } from "./activity.js";
import { listenToBox } from "./box.js";
import { button, byId, element } from "./dom.js";
import { showFilters, toggleFilters } from "./filters.js";
import { listenToKeys } from "./keyboard.js";
import { askKey, askVideos, copy, showKeys, toast } from "./panels.js";
import { Player } from "./player.js";
import { Recent } from "./recent.js";
import { Results } from "./results.js";
import { Starred } from "./starred.js";
import { asks, EMPTY, filtersOf, fromAddress, MOST, searchKey, toAddress, typed, withoutFilters } from "./state.js";
import { currentLanguage, say, sayError, sayNotices, setLanguage, translate } from "./words.js";

const SKELETON_AFTER_MS = 150;
const AGAIN_AFTER_MS = 5000;
const EXAMPLES = 4;

let state = { ...EMPTY };
let library = null;         // what the service says of its library
let answer = null;          // of the last search
let newest = null;          // without a query: what comes after the videos that are shown, {next}
let asked = null;           // AbortController of the search under way
const uploads = [];         // pictures and clips that this page was given, by their number

const results = new Results({
  addressOf: (hit, timeMs) => toAddress({ ...state, video: hit.video, time_ms: timeMs }),
  onOpen: (hit, timeMs) => go({ video: hit.video, time_ms: timeMs }),
  onSimilar: (hit) => go({ ...EMPTY, like: { video: hit.video, start_ms: hit.moments ? hit.start_ms : 0, end_ms: hit.moments ? hit.end_ms : null } }),
  onEnd: () => askForMore(),
});
const player = new Player({
  onClose: () => leaveVideo(),
  onTime: (ms) => go({ time_ms: ms }, { replace: true }),
  onStep: (direction) => stepResult(direction),
  onSimilar: (like) => go({ ...EMPTY, like }),
});
const starred = new Starred({ open: (chosen) => go(chosen) });
const recent = new Recent({ open: (chosen) => go(chosen), isIn: () => library !== null });
const activity = new Activity({ onAdded: () => refresh(), mayStop: () => library?.role === "admin" });

/** Change a part of the state, its address and what is shown. */
function go(change, { replace = false } = {}) {
  const next = { ...state, ...change };
  const opens = next.video && !state.video;
  const kept = { opened: replace ? history.state?.opened : opens };
  history[replace ? "replaceState" : "pushState"](kept, "", toAddress(next));
  show(next);
}

/** Show a state; only what differs from the one before is asked for again. */
function show(next, { again = false } = {}) {
  const before = state;
  state = next;
  const changed = again || searchKey(next) !== searchKey(before);
  if (changed) {
    showBox();
    runSearch();
  }
  if (next.view !== before.view || changed) showView();
  if (next.video !== before.video) showVideo();
}

function showBox() {
  const home = !asks(state);
  document.body.dataset.mode = home ? "home" : "search";
  byId("q").value = state.q;
  document.title = state.q ? `${state.q} – 文视` : "文视 Wenshi";
  showExample();
  starred.show(state);
  recent.show();
  showFilters(state, (changed) => go(changed), library);
}

/** The picture or video that is searched with, as a chip in the box. */
async function showExample() {
  const chip = byId("example");
  const file = uploads[state.upload];
  chip.hidden = !state.like && !file;
  if (chip.hidden) return;
  const put = (text, source) => chip.replaceChildren(
    source ? element("img", { src: source, alt: "" }) : "", element("span", {}, text),
    button({ name: "close", label: say("remove"), kind: "tool", onClick: () => go({ like: null, upload: null }) }));
  if (file) {
    put(file.name || say("thisPicture"), file.type.startsWith("image/") && URL.createObjectURL(file));
    return;
  }
  const { like } = state;
  put("…", `/media/${like.video}/poster.jpg?t=${like.start_ms}&width=80`);
  try {
    const { title, name } = await api.video(like.video);
    if (state.like === like) chip.querySelector("span").textContent = say("similarTo", title || name);
  } catch { /* the search says what is wrong */ }
}

async function runSearch() {
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  answer = null;
  newest = null;
  byId("state").replaceChildren();
  byId("notices").replaceChildren();
  byId("unanswered").textContent = "";
  byId("results").setAttribute("aria-busy", "true");
  const slow = setTimeout(() => {
    results.skeletons();
    byId("summary").textContent = say("searching");
  }, SKELETON_AFTER_MS);
  try {
    if (asks(state)) await searched(signal);
    else await showNewest(signal);
  } catch (failure) {
    if (failure.name === "AbortError") return;
    showFailure(failure);
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) byId("results").removeAttribute("aria-busy");
    if (player.isOpen) showSteps();
  }
}

async function searched(signal) {
  if (state.upload !== null && !uploads[state.upload]) {
    toast(say("uploadGone"));
    go({ upload: null }, { replace: true });
    return;
  }
  const found = await api.search(state, { count: state.count, file: uploads[state.upload], signal });
  if (signal.aborted) return;
  answer = { ...found, count: state.count };
  recent.add(state);
  results.show(answer.hits);
  showSummary();
  showView();
}

/** What follows, when the end of the list comes near. */
const askForMore = () => (newest ? showOlder() : showFurther());

/** The next results of the same search. */
async function showFurther() {
  if (!answer || answer.hits.length < answer.count || answer.count >= MOST || answer.asking) return;
  const current = answer;
  current.asking = true;
  const count = Math.min(MOST, 4 * current.count);
  try {
    const found = await api.search(state, { count, file: uploads[state.upload], signal: asked.signal });
    if (answer !== current) return;
    answer = { ...found, count };
    results.extend(found.hits);
    showSummary();
    showView();
  } catch (failure) {
    moreFailed(current, failure);
  }
}

/** What follows could not be had: it is asked for again in a while, if the end of the list is near then. */
function moreFailed(current, failure) {
  if (failure.name === "AbortError") return;
  toast(sayError(failure));
  setTimeout(() => {
    current.asking = false;
    results.lookAgain();
  }, AGAIN_AFTER_MS);
}

function showSummary() {
  const ms = Math.round(answer.took_ms.total);
  const whole = answer.hits.length < answer.count;
  byId("summary").textContent = answer.hits.length ? say(whole ? "found" : "foundMore", answer.hits.length, ms) : "";
  byId("notices").replaceChildren(...[...new Set(sayNotices(answer))].map((text) => element("p", {}, text)));
  byId("unanswered").textContent = answer.hits.length && answer.answered === false ? say("unanswered") : "";
  if (!answer.hits.length) showNothing();
  else if (answer.hidden || state.hidden) byId("state").replaceChildren(hiddenLine());
}

const hiddenLine = () => element("p", { class: "hidden-line" },
  state.hidden ? "" : say("hidden", answer.hidden),
  button({ text: say(state.hidden ? "hideAgain" : "showHidden"), kind: "link", onClick: () => go({ hidden: !state.hidden }) }));

function message(title, lines, ...actions) {
  byId("state").replaceChildren(element("div", { class: "message" },
    element("h2", {}, title), lines.filter(Boolean).map((line) => element("p", {}, line)), element("div", { class: "ends" }, actions)));
}

function showNothing() {
  byId("summary").textContent = say("nothing");
  if (library && !library.videos) {
    showEmptyLibrary();
    return;
  }
  const filtered = filtersOf(state).length > 0;
  message(say("nothing"),
    [answer.hidden ? say("nothingHidden", answer.hidden) : say("nothingWhy"), filtered && say("nothingFiltered")],
    answer.hidden > 0 && !state.hidden && button({ text: say("showHidden"), kind: "go", onClick: () => go({ hidden: true }) }),
    filtered && button({ text: say("clearFilters"), onClick: () => go(withoutFilters(state)) }));
}

function showEmptyLibrary() {
  const admin = library.role === "admin";
  message(say("emptyTitle"), [say(admin ? "emptyWhy" : "emptyReader")],
    admin && button({ text: say("add"), kind: "go", onClick: () => addVideos() }));
}

function showFailure(failure) {
  results.clear();
  byId("summary").textContent = "";
  byId("alert").textContent = `${say("failed")}：${sayError(failure)}`;
  if (failure.status === 401) {
    library = null;
    recent.show();
    askKey(() => begin());
    return;
  }
  const detail = sayError(failure) === failure.message ? null : failure.message;
  message(say("failed"), [sayError(failure), detail], button({ text: say("retry"), kind: "go", onClick: () => runSearch() }),
    failure.requestId && element("p", { class: "request" }, `${say("requestId")} `, element("code", {}, failure.requestId),
      button({ text: say("copy"), kind: "link", onClick: () => copy(failure.requestId) })));
}

/** Without a query: what came last, and a few things to ask. */
async function showNewest(signal) {
  const [{ videos, next }, status] = await Promise.all([api.newest({ signal }), library ?? api.library()]);
  if (signal.aborted) return;
  library = status;
  newest = { next };
  results.show(videos);
  byId("summary").textContent = videos.length ? say("newest") : "";
  if (!videos.length) showEmptyLibrary();
  showExamples(videos);
  showLibrary();
}

/** The videos that were added before the ones that are shown. */
async function showOlder() {
  const current = newest;
  if (!current.next || current.asking) return;
  current.asking = true;
  try {
    const { videos, next } = await api.newest({ after: current.next, signal: asked.signal });
    if (newest !== current) return;
    newest = { next };
    results.extend(videos);
  } catch (failure) {
    moreFailed(current, failure);
  }
}

function showExamples(videos) {
  const texts = [...new Set(videos.map((one) => one.title).filter((title) => title && Array.from(title).length <= 24))].slice(0, EXAMPLES);
  byId("examples").hidden = !texts.length;
  byId("examples").replaceChildren(element("span", { "aria-hidden": "true" }, say("tryThese")),
    ...texts.map((q) => button({ text: q, kind: "chip", onClick: () => go({ ...EMPTY, q }) })));
}

function showLibrary() {
  byId("library").textContent = library ? say("libraryLine", library.videos, library.clips) : "";
  byId("add").hidden = library?.role !== "admin";
  showFilters(state, (changed) => go(changed), library);
  recent.show();
}

function showView() {
  const json = state.view === "json" && answer !== null;
  byId("switch").hidden = !asks(state);
  byId("as-cards").setAttribute("aria-pressed", String(state.view !== "json"));
  byId("as-json").setAttribute("aria-pressed", String(state.view === "json"));
  byId("json").hidden = !json;
  byId("grid").hidden = json;
  byId("more").hidden = json;
  byId("json").textContent = json ? JSON.stringify(shownAnswer(), null, 2) : "";
}

function shownAnswer() {
  const { count, asking, ...said } = answer;
  return said;
}

function showVideo() {
  if (!state.video) {
    if (player.isOpen) player.dialog.close();
    return;
  }
  const hit = results.hits[placeOfVideo()];
  player.open({ id: state.video, timeMs: state.time_ms ?? 0, hit: hit?.moments ? hit : null, q: state.q });
  showSteps();
}

const placeOfVideo = () => results.hits.findIndex((hit) => hit.video === state.video);

/** Whether there are results before and after the open one; the list may come later than the video. */
function showSteps() {
  const place = placeOfVideo();
  player.setSteps({ previous: place > 0, next: place >= 0 && place + 1 < results.hits.length });
}

/** Closing goes back where the video was opened from; an address that began with the video has no such place. */
function leaveVideo() {
  if (!state.video) return;
  const { video } = state;
  if (history.state?.opened) history.back();
  else go({ video: null, time_ms: null }, { replace: true });
  byId("grid").querySelector(`[data-video="${video}"]`)?.focus();
}

function stepResult(direction) {
  const place = placeOfVideo();
  const next = place < 0 ? null : results.hits[place + direction];
  if (next) go({ video: next.video, time_ms: next.moments?.[0]?.best_ms ?? next.start_ms ?? 0 }, { replace: true });
}

function similarToFocused() {
  if (player.isOpen) {
    player.similar();
    return;
  }
  const { video } = document.activeElement.dataset;
  results.onSimilar(results.hits.find((hit) => hit.video === video));
}

function copyAsCurl() {
  const withKey = Boolean(library?.keys);
  const command = api.asCurl(state, { count: state.count, file: uploads[state.upload], withKey }, location.origin);
  copy(command, say(withKey ? "copiedWithoutKey" : "copied"));
}

const addVideos = () => askVideos(() => activity.look());

/** The library changed: what is shown may be out of date. */
async function refresh() {
  library = await api.library();
  showLibrary();
  if (!asks(state) || !results.hits.length) runSearch();
}

function nextTheme() {
  const order = ["auto", "light", "dark"];
  const now = document.documentElement.dataset.theme ?? "auto";
  const theme = order[(order.indexOf(now) + 1) % order.length];
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("wenshi.theme", theme); } catch { /* then until the page is closed */ }
  showTheme();
  toast(byId("theme").title);
}

function showTheme() {
  const text = `${say("theme")}：${say(document.documentElement.dataset.theme ?? "auto")}`;
  byId("theme").title = text;
  byId("theme").setAttribute("aria-label", text);
}

function speak() {
  translate(document);
  byId("language").textContent = say("language");
  byId("language").lang = currentLanguage() === "zh" ? "en" : "zh-CN";
  showTheme();
}

function listen() {
  listenToBox({
    onText: (text) => {
      const { q, tag, path } = typed(text);
      byId("q").blur();
      go({ q, tag: [...new Set([...state.tag, ...tag])], path: [...new Set([...state.path, ...path])],
        like: null, upload: null, hidden: false, video: null, time_ms: null });
    },
    onFile: (file) => go({ ...EMPTY, upload: uploads.push(file) - 1 }),
  });
  listenToKeys({ player, onStep: stepResult, onSimilar: similarToFocused });
  window.addEventListener("popstate", () => show(fromAddress(location.search)));
  byId("home").addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go({ ...EMPTY });
  });
  byId("filter").addEventListener("click", () => toggleFilters());
  byId("filters").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    toggleFilters(false);
    byId("filter").focus();
  });
  byId("as-cards").addEventListener("click", () => go({ view: "cards" }, { replace: true }));
  byId("as-json").addEventListener("click", () => go({ view: "json" }, { replace: true }));
  byId("curl").addEventListener("click", copyAsCurl);
  byId("help").addEventListener("click", showKeys);
  byId("add").addEventListener("click", addVideos);
  byId("theme").addEventListener("click", nextTheme);
  byId("language").addEventListener("click", () => {
    setLanguage(currentLanguage() === "zh" ? "en" : "zh");
    speak();
    show(state, { again: true });
    showLibrary();
  });
}

/** The state of the address, from the start. */
function begin() {
  state = { ...EMPTY, view: null };       // nothing is shown yet
  show(fromAddress(location.search), { again: true });
  activity.look();
  api.library().then((status) => {
    library = status;
    showLibrary();
    if (answer && !answer.hits.length) showNothing();
  }, () => { /* the search says what is wrong */ });
}

speak();
listen();
begin();
