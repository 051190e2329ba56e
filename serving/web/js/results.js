// The cards of an answer, built a batch at a time as they come near the screen.
import { button, byId, element, icon } from "./dom.js";
import { clock, excerpt, pieces, span } from "./format.js";
import { say } from "./words.js";

const BATCH = 40;
const STRIP_FRAMES = 10;        // of a sprite

/** Shows hits in the grid. `onOpen(hit, timeMs)`, `onSimilar(hit)`, `onEnd()` when the last card comes near. */
export class Results {
  constructor({ addressOf, onOpen, onSimilar, onEnd }) {
    Object.assign(this, { addressOf, onOpen, onSimilar, onEnd });
    this.grid = byId("grid");
    this.hits = [];
    this.built = 0;
    this.watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.buildMore(), {
      rootMargin: "1200px",
    });
    this.watcher.observe(byId("more"));
  }

  clear() {
    this.grid.replaceChildren();
    [this.hits, this.built] = [[], 0];
  }

  show(hits) {
    this.clear();
    this.extend(hits);
  }

  /** More hits of the same search: what is on the screen stays where it is. */
  extend(hits) {
    const known = new Set(this.hits.map((hit) => hit.video));
    this.hits.push(...hits.filter((hit) => !known.has(hit.video)));
    this.buildMore();
  }

  buildMore() {
    const next = this.hits.slice(this.built, this.built + BATCH);
    if (!next.length) {
      if (this.hits.length) this.onEnd();
      return;
    }
    this.grid.append(...next.map((hit) => this.card(hit)));
    this.built += next.length;
    this.lookAgain();
  }

  /** Whether the end is near: the observer tells of changes only, and while it still is, it has to be asked anew. */
  lookAgain() {
    this.watcher.unobserve(byId("more"));
    this.watcher.observe(byId("more"));
  }

  skeletons() {
    this.clear();
    const bare = () => element("li", { class: "card bare", "aria-hidden": "true" },
      element("div", { class: "poster" }), element("div", { class: "line" }), element("div", { class: "line short" }));
    this.grid.append(...Array.from({ length: 8 }, bare));
  }

  card(hit) {
    const startMs = hit.moments?.[0]?.best_ms ?? hit.start_ms ?? 0;
    const title = hit.title || hit.name;
    const open = (event, timeMs) => {
      if (isForNewTab(event)) return;
      event.preventDefault();
      this.onOpen(hit, timeMs);
    };
    return element("li", { class: hit.below_threshold ? "card below" : "card" },
      element("div", { class: "poster" },
        picture(hit), element("span", { class: "time" }, hit.moments ? span(hit.start_ms, hit.end_ms) : clock(hit.duration_ms)),
        this.rail(hit, open)),
      element("div", { class: "about" },
        element("h2", { class: "title" },
          element("a", {
            class: "open", href: this.addressOf(hit, startMs), "data-video": hit.video, title,
            "aria-label": [say("open", title, clock(startMs)), ...spoken(hit)].join("；"),
            on: { click: (event) => open(event, startMs) },
          }, markedTitle(title, hit.channels))),
        badges(hit), snippet(hit), this.copies(hit, startMs),
        button({ name: "similar", label: `${say("findSimilar")}：${title}`, kind: "tool similar", onClick: () => this.onSimilar(hit) })));
  }

  /** How many videos show the same; opened, which. */
  copies(hit, startMs) {
    if (!hit.copies?.length) return null;
    const line = (copy) => element("li", {}, element("a", {
      href: this.addressOf(copy, startMs), "data-video": copy.video,
      on: {
        click: (event) => {
          if (isForNewTab(event)) return;
          event.preventDefault();
          this.onOpen(copy, startMs);
        },
      },
    }, copy.title || copy.name));
    return element("details", { class: "copies" },
      element("summary", {}, say("copies", hit.copies.length)), element("ul", {}, hit.copies.map(line)));
  }

  /** The whole video as a line with its hits on it; under the mouse it shows what is where. */
  rail(hit, open) {
    const marks = (hit.moments ?? []).slice(0, 20).map((moment) => markOn("rail-mark", moment, hit.duration_ms));
    const frame = element("div", { class: "frame" });
    const here = element("span", { class: "here" });
    const at = (event) => {
      const box = rail.getBoundingClientRect();
      return Math.min(0.999, Math.max(0, (event.clientX - box.left) / box.width));
    };
    const rail = element("div", {
      class: "rail", "aria-hidden": "true",
      on: {
        pointerenter: (event) => event.pointerType === "mouse" && loadStrip(frame, hit.sprite),
        pointermove: (event) => {
          const share = at(event);
          frame.style.backgroundPositionX = `${(Math.floor(share * STRIP_FRAMES) / (STRIP_FRAMES - 1)) * 100}%`;
          here.textContent = clock(share * hit.duration_ms);
        },
        click: (event) => open(event, Math.round(at(event) * hit.duration_ms)),
      },
    }, element("div", { class: "track" }, marks));
    return [element("div", { class: "strip", "aria-hidden": "true" }, frame, here), rail];
  }
}

const isForNewTab = (event) => event.metaKey || event.ctrlKey || event.shiftKey || event.button > 0;

/** A span painted on a line that stands for the whole video. */
export function markOn(kind, { start_ms: startMs, end_ms: endMs }, durationMs) {
  const mark = element("span", { class: kind });
  const whole = Math.max(1, durationMs);
  mark.style.left = `${Math.min(99, (100 * startMs) / whole)}%`;
  mark.style.width = `${Math.max(0.8, (100 * (Math.min(endMs, whole) - startMs)) / whole)}%`;
  return mark;
}

/** A text with its marks. */
export const markedText = (cut) =>
  cut.map(({ text, marked }) => (marked ? element("mark", {}, text) : text));

// A text of the cover and a tag that a model gave are called so.
const badgeName = ({ name, source }) => ({ cover: "cover", tagger: "seenTag" })[(source ?? "").split(":")[0]] ?? name;

/** Name of each channel that matched, once, and what each means by colour and word. */
export const channelBadges = (matches) =>
  [...new Map(matches.map((match) => [badgeName(match), match.name]))].map(([badge, name]) =>
    element("span", { class: "badge", "data-channel": name }, say(badge) ?? badge));

function picture(hit) {
  const image = element("img", { src: `${hit.poster}&width=480`, alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(element("span", { class: "no-picture" }, icon("film"))), { once: true });
  return image;
}

function loadStrip(frame, address) {
  if (frame.dataset.ready) return;
  frame.dataset.ready = "asked";
  const strip = new Image();
  strip.onload = () => {
    frame.style.backgroundImage = `url("${address}")`;
    frame.style.aspectRatio = `${strip.naturalWidth / STRIP_FRAMES} / ${strip.naturalHeight}`;
    frame.dataset.ready = "yes";
  };
  strip.src = address;
}

const spoken = (hit) =>
  hit.confidence ? [`${say("confidence")}：${say(hit.confidence)}`] : [];

function badges(hit) {
  const row = element("p", { class: "badges" });
  if (hit.confidence) row.append(element("span", { class: "band", "data-band": hit.confidence }, element("i", {}), say(hit.confidence)));
  if (hit.below_threshold) row.append(element("span", { class: "band", "data-band": "below" }, say("belowThreshold")));
  row.append(...channelBadges(hit.channels ?? []));
  if (hit.moments?.length > 1) row.append(element("span", { class: "count" }, say("more", hit.moments.length - 1)));
  return row.childElementCount ? row : null;
}

const markedTitle = (title, matches = []) =>
  markedText(pieces(title, matches.find((match) => match.name === "title" && match.text === title)?.marks));

/** The text that answers best, other than the title that stands above it. */
function snippet(hit) {
  const match = hit.channels?.find((one) => one.text && one.marks?.length && one.text !== hit.title);
  return match && element("p", { class: "snippet" }, markedText(excerpt(match.text, match.marks, 64)));
}
