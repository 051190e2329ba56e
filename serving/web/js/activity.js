// What the service is doing in the background: asked often while it works, seldom while it rests.
import * as api from "./api.js";
import { byId } from "./dom.js";
import { jobsList, openPanel, toast } from "./panels.js";
import { say } from "./words.js";

const BUSY_MS = 1500;
const IDLE_MS = 30_000;
const ACTIVE = ["waiting", "running"];

/** Follows the jobs. `onAdded()` when one ended; `mayStop()` whether this person may stop one. */
export class Activity {
  constructor({ onAdded, mayStop }) {
    Object.assign(this, { onAdded, mayStop });
    this.jobs = [];
    byId("activity").addEventListener("click", () => this.open());
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
  }

  async look() {
    clearTimeout(this.timer);
    try {
      const { jobs } = await api.jobs();
      this.tellEnds(jobs);
      this.jobs = jobs;
      this.show();
    } catch { /* a search says what is wrong; here it is only asked again */ }
    if (document.hidden) return;
    this.timer = setTimeout(() => this.look(), this.active.length ? BUSY_MS : IDLE_MS);
  }

  get active() {
    return this.jobs.filter((job) => ACTIVE.includes(job.state));
  }

  tellEnds(jobs) {
    const before = new Set(this.active.map((job) => job.job));
    const ended = jobs.filter((job) => before.has(job.job) && !ACTIVE.includes(job.state));
    if (!ended.length) return;
    toast(say(ended.some((job) => job.state === "failed") ? "jobFailed" : "added"));
    this.onAdded();
  }

  show() {
    const pill = byId("activity");
    const job = this.active.find((one) => one.state === "running") ?? this.active[0];
    pill.hidden = !job;
    if (job) pill.textContent = job.state === "running" ? say("running", job.done, job.total || "…") : say("waiting");
    const list = byId("panel").querySelector(".jobs");
    if (byId("panel").open && list) list.replaceWith(this.list());
  }

  list() {
    const stop = async (job) => {
      await api.cancel(job.job);
      this.look();
    };
    return jobsList(this.jobs.slice(0, 20), this.mayStop() ? stop : null);
  }

  open() {
    openPanel(say("jobs"), this.list());
  }
}
