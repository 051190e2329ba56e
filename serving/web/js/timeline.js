// The line under the video: hits painted on it, how well each frame answers, where it plays, what would be cut out.
import { drawn, element } from "./dom.js";
import { clock } from "./format.js";
import { markOn } from "./results.js";
import { say } from "./words.js";

const STEP_MS = { ArrowLeft: -1000, ArrowRight: 1000, PageUp: 10_000, PageDown: -10_000 };

export class Timeline {
  /** `onSeek(ms)` */
  constructor(onSeek) {
    this.durationMs = 1;
    this.nowMs = 0;
    this.marks = element("div", { class: "marks", "aria-hidden": "true" });
    this.curve = drawn("svg", { class: "curve", viewBox: "0 0 1000 100", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.head = element("span", { class: "head" });
    this.cut = element("span", { class: "cut", hidden: true });
    this.root = element("div", {
      class: "timeline", role: "slider", tabindex: 0, "aria-label": say("timeline"), "aria-valuemin": 0,
      on: {
        pointerdown: (event) => {
          if (event.button) return;
          this.root.setPointerCapture(event.pointerId);
          onSeek(this.at(event));
        },
        pointermove: (event) => this.root.hasPointerCapture(event.pointerId) && onSeek(this.at(event)),
        keydown: (event) => {
          const to = { Home: 0, End: this.durationMs }[event.key] ?? this.nowMs + (STEP_MS[event.key] ?? NaN);
          if (Number.isNaN(to)) return;
          event.preventDefault();
          event.stopPropagation();
          onSeek(to);
        },
      },
    }, this.curve, this.marks, this.cut, this.head);
    this.move(0);
  }

  at(event) {
    const box = this.root.getBoundingClientRect();
    return Math.round(this.durationMs * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  }

  show(durationMs, moments, saliency) {
    this.durationMs = Math.max(1, durationMs);
    this.root.setAttribute("aria-valuemax", durationMs);
    this.marks.replaceChildren(...moments.map((moment) => markOn("mark", moment, durationMs)));
    this.curve.replaceChildren(...curveOf(saliency, this.durationMs));
    this.move(this.nowMs);
  }

  move(ms) {
    this.nowMs = Math.min(ms, this.durationMs);
    this.head.style.left = `${(100 * this.nowMs) / this.durationMs}%`;
    this.root.setAttribute("aria-valuenow", this.nowMs);
    this.root.setAttribute("aria-valuetext", say("at", clock(this.nowMs), clock(this.durationMs)));
  }

  /** Paint what would be cut out. */
  choose({ start_ms: startMs, end_ms: endMs }) {
    const mark = markOn("cut", { start_ms: startMs, end_ms: endMs }, this.durationMs);
    this.cut.replaceWith(mark);
    this.cut = mark;
  }
}

/** A filled line through [[time_ms, score], ...], stretched between its lowest and highest score. */
function curveOf(saliency, durationMs) {
  if (saliency.length < 2) return [];
  const scores = saliency.map(([, score]) => score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const x = (ms) => ((1000 * ms) / durationMs).toFixed(1);
  const y = (score) => (95 - (85 * (score - low)) / (high - low || 1)).toFixed(1);
  const line = saliency.map(([ms, score]) => `${x(ms)},${y(score)}`).join(" ");
  const [first, last] = [saliency[0][0], saliency.at(-1)[0]];
  return [drawn("polygon", { points: `${x(first)},100 ${line} ${x(last)},100` })];
}
