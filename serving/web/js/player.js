// The open video: it starts at the moment; moments, scenes and text follow it. The page's only <video> lives here.
import * as api from "./api.js";
import { button, byId, calm, element } from "./dom.js";
import { clock, excerpt, lineAt, pieces, span } from "./format.js";
import { copy } from "./panels.js";
import { channelBadges, markedText, markOn } from "./results.js";
import { clipOf } from "./clip.js";
import { Timeline } from "./timeline.js";
import { say, sayError } from "./words.js";

const MOST_CONVERTED_MS = 60_000;
const FRAME_MS = 40;
const SKIP_MS = 10_000;
const LEAVE_ALONE_MS = 4000;    // after the person scrolled the text

/** `onClose()`, `onTime(ms)` for the address, `onStep(±1)` to another result, `onSimilar(span)`. */
export class Player {
  constructor({ onClose, onTime, onStep, onSimilar }) {
    Object.assign(this, { onClose, onTime, onStep, onSimilar });
    this.dialog = byId("watch");
    this.media = element("video", { controls: true, playsinline: true, preload: "metadata" });
    this.media.addEventListener("timeupdate", () => this.follow());
    this.media.addEventListener("seeking", () => this.follow());
    this.media.addEventListener("error", () => this.convert());
    this.dialog.addEventListener("close", () => {
      this.stop();
      this.onClose();
    });
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
  }

  get isOpen() { return this.dialog.open; }

  /** Where it is, or where it will begin once the browser knows the file. */
  get timeMs() {
    return this.media.readyState ? this.offsetMs + Math.round(1000 * this.media.currentTime) : this.wantedMs;
  }

  /** Open a video at a time. hit: what a search said of it, or null. */
  async open({ id, timeMs, hit, q }) {
    this.stop();
    this.asked = new AbortController();
    const { signal } = this.asked;
    Object.assign(this, { id, q, hit, offsetMs: 0, wantedMs: timeMs, converted: false, moments: hit?.moments ?? [], lines: [], video: null });
    this.build();
    if (!this.dialog.open) this.dialog.showModal();
    if (hit) this.start(hit, timeMs);
    try {
      const [video, text, found] = await Promise.all([
        api.video(id, signal), api.transcript(id, signal), q ? api.moments(id, q, signal) : { moments: [], saliency: [] },
      ]);
      this.fill(video, text.lines, found, timeMs);
    } catch (failure) {
      if (failure.name !== "AbortError") this.fail(failure);
    }
  }

  /** No bytes are fetched for a video that nobody sees. */
  stop() {
    this.asked?.abort();
    this.media.pause();
    this.source = null;
    this.media.removeAttribute("src");
    this.media.load();
  }

  setSteps({ previous, next }) {
    this.previous.disabled = !previous;
    this.next.disabled = !next;
  }

  build() {
    this.timeline = new Timeline((ms) => this.seek(ms));
    this.title = element("h2", { id: "watch-title" }, this.hit?.title ?? "");
    this.facts = element("p", { class: "facts" });
    this.trouble = element("p", { class: "trouble", role: "status" });
    this.momentsList = element("ol", { class: "moments" });
    this.text = element("ol", { class: "transcript", tabindex: 0, "aria-label": say("transcript") });
    for (const event of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      this.text.addEventListener(event, () => { this.touchedAt = performance.now(); }, { passive: true });
    }
    this.previous = button({ name: "previous", label: say("previousResult"), kind: "tool", onClick: () => this.onStep(-1) });
    this.next = button({ name: "next", label: say("nextResult"), kind: "tool", onClick: () => this.onStep(1) });
    this.momentsTitle = element("h3", {}, say("moments"));
    this.actions = element("div", { class: "actions" });
    this.dialog.replaceChildren(
      element("header", {}, this.previous, this.next, this.title,
        button({ name: "close", label: say("close"), kind: "tool", onClick: () => this.dialog.close() })),
      element("div", { class: "stage" }, this.media, this.trouble, this.timeline.root, this.facts, this.actions),
      element("section", { class: "side" }, this.momentsTitle, this.momentsList, element("h3", {}, say("transcript")), this.text));
    this.media.setAttribute("aria-label", say("playVideo"));
  }

  start({ source, poster }, timeMs) {
    if (this.source === source) return;
    this.source = source;
    this.media.poster = `${poster.split("?")[0]}?t=${timeMs}&width=960`;
    this.media.src = `${source}#t=${timeMs / 1000}`;
    if (!calm()) this.media.play().catch(() => { /* a page opened by its address may not play by itself */ });
  }

  fill(video, lines, { moments, saliency }, timeMs) {
    this.video = video;
    this.title.textContent = video.title || video.name;
    this.facts.textContent = [video.name, clock(video.duration_ms), say("size", video.width, video.height),
      video.date, video.damage && say("damaged"), ...video.tags].filter(Boolean).join(" · ");
    this.moments = moments.length ? moments : this.moments.toSorted((one, other) => one.start_ms - other.start_ms);
    this.start(video, timeMs);
    this.timeline.show(video.duration_ms, this.moments, saliency);
    this.showMoments();
    this.showText(lines);
    this.actions.replaceChildren(...this.actionButtons(timeMs));
    this.follow();
  }

  actionButtons(timeMs) {
    const around = this.moments.find((one) => one.start_ms <= timeMs && timeMs <= one.end_ms)
      ?? { start_ms: timeMs, end_ms: Math.min(this.video.duration_ms, timeMs + 5000) };
    const clip = clipOf(this.video, around, { now: () => this.timeMs, onChange: (chosen) => this.timeline.choose(chosen) });
    return [
      button({ name: "similar", text: say("findSimilar"), onClick: () => this.similar() }),
      button({ name: "link", text: say("copyLink"), onClick: () => copy(location.href) }),
      clip,
    ];
  }

  similar() {
    const here = this.video?.clips.find((clip) => clip.start_ms <= this.timeMs && this.timeMs < clip.end_ms);
    this.onSimilar({ video: this.id, start_ms: here?.start_ms ?? 0, end_ms: here?.end_ms ?? null });
  }

  showMoments() {
    const spans = this.moments.length ? this.moments : this.q ? [] : this.video.clips;
    this.momentsTitle.textContent = this.moments.length || this.q ? say("moments") : say("scenes");
    this.rows = spans;
    this.momentsList.replaceChildren(...spans.map((one) => this.momentRow(one)));
    if (!spans.length) this.momentsList.append(element("li", { class: "none" }, say(this.q ? "noMoments" : "noQuery")));
  }

  momentRow(moment) {
    const match = moment.channels?.find((one) => one.text);
    return element("li", {}, element("button", { type: "button", on: { click: () => this.seek(moment.best_ms ?? moment.start_ms) } },
      element("span", { class: "when" }, span(moment.start_ms, moment.end_ms)),
      element("span", { class: "badges" }, channelBadges(moment.channels ?? [])),
      match && element("span", { class: "snippet" }, markedText(excerpt(match.text, match.marks, 48)))));
  }

  showText(lines) {
    this.lines = lines.toSorted((one, other) => one.start_ms - other.start_ms);
    const key = (kind, line) => `${kind}\n${line.start_ms}\n${line.text}`;
    const marks = new Map(this.moments.flatMap((one) => one.channels).map((match) => [key(match.name, match), match.marks]));
    this.text.replaceChildren(...this.lines.map((line) => element("li", { "data-kind": line.kind },
      element("button", { type: "button", on: { click: () => this.seek(line.start_ms) } },
        element("span", { class: "when" }, clock(line.start_ms)),
        element("span", {}, markedText(pieces(line.text, marks.get(key(line.kind, line)) ?? [])))))));
    if (!lines.length) this.text.append(element("li", { class: "none" }, say("noTranscript")));
  }

  /** The line being spoken and the moment on screen are shown as such. */
  follow() {
    this.timeline?.move(this.timeMs);
    if (!this.video) return;
    setCurrent(this.momentsList, lineAt(this.rows, this.timeMs));
    const line = setCurrent(this.text, lineAt(this.lines, this.timeMs));
    if (line && !(performance.now() - this.touchedAt < LEAVE_ALONE_MS)) {
      const top = line.offsetTop - this.text.offsetTop - this.text.clientHeight / 3;
      this.text.scrollTo({ top, behavior: calm() ? "instant" : "smooth" });
    }
  }

  seek(ms) {
    const within = this.video ? Math.min(Math.max(0, ms), this.video.duration_ms) : Math.max(0, ms);
    const partMs = within - this.offsetMs;
    this.wantedMs = within;
    if (this.converted && (partMs < 0 || partMs > 1000 * this.media.duration)) this.playPart(within);
    else this.media.currentTime = partMs / 1000;
    this.onTime(Math.round(within));
  }

  /** What the browser cannot decode is asked for as a converted part, once. */
  convert() {
    if (!this.source || !this.media.getAttribute("src")) return;
    if (this.converted) {
      this.trouble.textContent = say("cannotPlayAtAll");
      return;
    }
    this.playPart(this.wantedMs);
  }

  async playPart(wantedMs) {
    this.converted = true;
    this.trouble.textContent = say("cannotPlay");
    try {
      const video = this.video ?? await api.video(this.id, this.asked.signal);
      const startMs = Math.max(0, Math.min(wantedMs - 2000, video.duration_ms - MOST_CONVERTED_MS));
      const endMs = Math.min(video.duration_ms, startMs + MOST_CONVERTED_MS);
      this.offsetMs = startMs;
      this.media.src = `${api.clipAddress(this.id, startMs, endMs)}#t=${(wantedMs - startMs) / 1000}`;
      this.media.addEventListener("loadedmetadata", () => {
        this.trouble.textContent = say("playingClip", span(startMs, endMs));
      }, { once: true });
      if (!calm()) this.media.play().catch(() => {});
    } catch (failure) {
      if (failure.name !== "AbortError") this.trouble.textContent = say("cannotPlayAtAll");
    }
  }

  fail(failure) {
    this.title.textContent = say("videoGone");
    this.trouble.textContent = [sayError(failure), failure.requestId && `${say("requestId")} ${failure.requestId}`].filter(Boolean).join(" ");
  }

  toggle() {
    if (this.media.paused) this.media.play().catch(() => {});
    else this.media.pause();
  }

  frame(direction) {
    this.media.pause();
    this.seek(this.timeMs + direction * FRAME_MS);
  }

  skip(direction) {
    this.seek(this.timeMs + direction * SKIP_MS);
  }

  /** To the moment before or after the one that plays. */
  step(direction) {
    const times = this.rows?.map((one) => one.best_ms ?? one.start_ms) ?? [];
    const next = direction > 0 ? times.find((ms) => ms > this.timeMs + 200) : times.findLast((ms) => ms < this.timeMs - 800);
    if (next !== undefined) this.seek(next);
  }
}

/** Mark one row of a list as the current one; the row when it became so just now. */
function setCurrent(list, index) {
  const before = list.querySelector("[aria-current]");
  const row = index < 0 ? null : list.children[index]?.querySelector("button");
  if (before === row) return null;
  before?.removeAttribute("aria-current");
  row?.setAttribute("aria-current", "true");
  return row;
}
