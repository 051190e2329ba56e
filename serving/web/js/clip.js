// Choosing the ends of a span and downloading it as a clip.
import { clipAddress } from "./api.js";
import { button, element } from "./dom.js";
import { say } from "./words.js";

/** Two ends, each to be typed or taken from where the video is, and the link. `now()` in ms, `onChange({start_ms, end_ms})`. */
export function clipOf(video, moment, { now, onChange }) {
  const link = element("a", { class: "quiet", download: true }, say("downloadClip"));
  const field = (label, ms) => element("input", {
    type: "number", min: 0, max: video.duration_ms / 1000, step: 0.1, value: (ms / 1000).toFixed(1), "aria-label": label,
    on: { input: () => update() },
  });
  const from = field(say("clipFrom"), moment.start_ms);
  const to = field(say("clipTo"), moment.end_ms);
  const here = (input, label) => button({
    name: "here", label: `${label}：${say("setHere")}`, kind: "tool here",
    onClick: () => {
      input.value = (now() / 1000).toFixed(1);
      update();
    },
  });
  function update() {
    const chosen = { start_ms: Math.round(1000 * from.value), end_ms: Math.min(video.duration_ms, Math.round(1000 * to.value)) };
    const valid = from.value !== "" && to.value !== "" && chosen.start_ms < chosen.end_ms;
    link.toggleAttribute("aria-disabled", !valid);
    if (valid) link.href = clipAddress(video.video, chosen.start_ms, chosen.end_ms);
    else link.removeAttribute("href");
    if (valid) onChange(chosen);
  }
  update();
  return element("div", { class: "clip", role: "group", "aria-label": say("downloadClip") },
    from, here(from, say("clipFrom")), element("span", { "aria-hidden": "true" }, "–"), to, here(to, say("clipTo")), link);
}
