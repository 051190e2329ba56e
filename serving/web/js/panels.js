// Small dialogs (keys, key of the service, adding, jobs), the toast, and copying.
import * as api from "./api.js";
import { button, byId, element } from "./dom.js";
import { clock } from "./format.js";
import { say, sayError } from "./words.js";

const shown = byId("toast");

/** Say something in passing, on the screen and to a screen reader. */
export function toast(text) {
  // Outside an open dialog nothing is seen or read out.
  ([...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body).append(shown);
  shown.textContent = text;
  shown.classList.add("on");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => shown.classList.remove("on"), 3200);
}

/** Copy a text and say so. */
export async function copy(text, done = say("copied")) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    toast(say("notCopied"));        // no secure context, or refused
  }
}

/** Open the panel with a title and content. */
export function openPanel(title, ...content) {
  const panel = byId("panel");
  panel.replaceChildren(
    element("header", {}, element("h2", { id: "panel-title" }, title),
      button({ name: "close", label: say("close"), kind: "tool", onClick: () => panel.close() })),
    ...content);
  if (!panel.open) panel.showModal();
}

export function showKeys() {
  const rows = [
    ["/", "focus"], ["← → ↑ ↓", "move"], [say("enterKey"), "open"], [say("space"), "play"], ["[  ]", "moment"], [",  .", "frame"], ["J  L", "skip"],
    ["P  N", "result"], ["F", "similar"], ["Esc", "close"], ["?", "help"],
  ];
  openPanel(say("keys"), element("dl", { class: "keys" }, rows.map(([keys, what]) => [
    element("dt", {}, element("kbd", {}, keys)), element("dd", {}, say(`key_${what}`)),
  ]).flat()));
}

/** A form in a panel; `send` may fail, and then the panel says why and stays. */
function sending(send, ...content) {
  const trouble = element("p", { class: "trouble", role: "alert" });
  return element("form", {
    on: {
      submit: async (event) => {
        event.preventDefault();
        trouble.textContent = "";
        try {
          await send(new FormData(event.target));
        } catch (failure) {
          trouble.textContent = sayError(failure) === failure.message ? failure.message : `${sayError(failure)} ${failure.message}`;
        }
      },
    },
  }, ...content, trouble);
}

/** Ask for the key of the service; `onEntered` when it is right. */
export function askKey(onEntered) {
  const send = async (given) => {
    await api.logIn(given.get("key").trim());
    byId("panel").close();
    onEntered();
  };
  openPanel(say("keyTitle"), element("p", {}, say("keyWhy")), sending(send,
    element("label", {}, element("span", {}, say("key")),
      element("input", { name: "key", type: "password", required: true, autocomplete: "current-password", autofocus: true })),
    element("div", { class: "ends" }, element("button", { type: "submit", class: "go" }, say("enter")))));
}

/** Add a folder of the server or upload files; `onStarted` when a job was made. */
export function askVideos(onStarted) {
  const started = () => {
    byId("panel").close();
    onStarted();
  };
  const byPath = sending(async (given) => {
    await api.addPath(given.get("path").trim());
    started();
  },
    element("label", {}, element("span", {}, say("addPath")),
      element("input", { name: "path", required: true, placeholder: "/home/me/videos", spellcheck: "false", autofocus: true })),
    element("div", { class: "ends" }, element("button", { type: "submit", class: "go" }, say("addPathGo"))));
  const byUpload = sending(async (given) => {
    await api.addFiles(given.getAll("file"));
    started();
  },
    element("label", {}, element("span", {}, say("addFiles")),
      element("input", { name: "file", type: "file", multiple: true, required: true, accept: "video/*" })),
    element("div", { class: "ends" }, element("button", { type: "submit", class: "go" }, say("addPathGo"))));
  openPanel(say("addTitle"), byPath, byUpload);
}

const STATE_WORDS = { waiting: "waiting", running: "runningJob", done: "done", failed: "failedJob", stopped: "stopped" };

/** How far a job is in its current file, from 0 to 1; 0 where the length of the file is not known. */
const shareOf = (current) => (current?.duration_ms > 0 ? Math.min(1, current.position_ms / current.duration_ms) : 0);

const currentFile = ({ path, position_ms: positionMs, duration_ms: durationMs }) => element("p", { class: "path" },
  [path, durationMs > 0 && say("at", clock(positionMs), clock(durationMs))].filter(Boolean).join(" · "));

/** The list of jobs in the panel. `onCancel(job)` where the caller may stop one. */
export function jobsList(jobs, onCancel) {
  if (!jobs.length) return element("p", {}, say("noJobs"));
  return element("ul", { class: "jobs" }, jobs.map((job) => element("li", {},
    element("p", { class: "job" }, element("strong", {}, say(STATE_WORDS[job.state])),
      element("span", {}, job.total ? `${job.done}/${job.total}` : ""),
      onCancel && ["waiting", "running"].includes(job.state) && button({ text: say("cancel"), onClick: () => onCancel(job) })),
    job.state === "running" && element("progress", { max: Math.max(1, job.total), value: job.done + shareOf(job.current), "aria-label": say("runningJob") }),
    job.current && currentFile(job.current),
    job.message && element("p", { class: "path" }, job.message),
    job.failed.length > 0 && element("details", {}, element("summary", {}, say("failures", job.failed.length)),
      element("ul", {}, job.failed.slice(0, 50).map((one) => element("li", { class: "path" }, `${one.path}: ${one.message}`)))))));
}
