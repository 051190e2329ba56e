// What the page shows, and its address. Pure functions: a state is read from an address and written back to it.

export const EMPTY = Object.freeze({
  q: "",
  like: null,         // {video, start_ms, end_ms}: a span to find similar ones of
  upload: null,       // number of a picture or clip that this page was given; it does not outlive the page
  channel: [],
  tag: [],
  path: [],
  longer: "",         // seconds, as typed
  shorter: "",
  since: "",          // days, 2026-01-31
  until: "",
  hidden: false,      // show what the threshold hides too
  apart: false,       // show copies of a video each for itself
  count: 60,          // how many videos are asked for first
  video: null,        // the one that is open
  time_ms: null,      // where it starts
  view: "cards",      // or "json"
});

export const MOST = 1000;
const LISTS = ["channel", "tag", "path"];
const TEXTS = ["longer", "shorter", "since", "until"];
const VIDEO = /^[0-9a-f]{64}$/;
const TYPED = { tag: "tag", 标签: "tag", path: "path", 路径: "path" };

/** The state that an address (its part from "?") names; what makes no sense is left out. */
export function fromAddress(search) {
  const given = new URLSearchParams(search);
  const state = { ...EMPTY, q: (given.get("q") ?? "").trim(), hidden: given.get("hidden") === "1", apart: given.get("apart") === "1" };
  for (const name of LISTS) state[name] = [...new Set(given.getAll(name).filter(Boolean))];
  for (const name of TEXTS) state[name] = given.get(name) ?? "";
  const count = Number(given.get("k"));
  if (Number.isInteger(count) && count >= 1) state.count = Math.min(count, MOST);
  const [video, span = ""] = (given.get("like") ?? "").split(":");
  const [start, end] = span.split("-").map(Number);
  if (VIDEO.test(video)) state.like = { video, start_ms: start || 0, end_ms: end > (start || 0) ? end : null };
  state.upload = /^\d+$/.test(given.get("upload") ?? "") ? Number(given.get("upload")) : null;
  state.video = VIDEO.test(given.get("v") ?? "") ? given.get("v") : null;
  state.time_ms = state.video && /^\d{1,12}$/.test(given.get("t") ?? "") ? Number(given.get("t")) : null;
  if (given.get("view") === "json") state.view = "json";
  return state;
}

/** The address of a state, "/" or "/?…". */
export function toAddress(state) {
  const given = new URLSearchParams();
  if (state.q) given.set("q", state.q);
  if (state.like) {
    const { video, start_ms, end_ms } = state.like;
    given.set("like", end_ms ? `${video}:${start_ms}-${end_ms}` : video);
  }
  if (state.upload !== null) given.set("upload", state.upload);
  for (const name of LISTS) for (const value of state[name]) given.append(name, value);
  for (const name of TEXTS) if (state[name] !== "") given.set(name, state[name]);
  if (state.hidden) given.set("hidden", "1");
  if (state.apart) given.set("apart", "1");
  if (state.count !== EMPTY.count) given.set("k", state.count);
  if (state.video) given.set("v", state.video);
  if (state.video && state.time_ms !== null) given.set("t", state.time_ms);
  if (state.view === "json") given.set("view", "json");
  const text = given.toString();
  return text ? `/?${text}` : "/";
}

/** What may answer and how many, whatever is searched with: [[name, value], ...], of a list one each. */
export const limits = (state, count) => [
  ["k", String(count)], ...filtersOf(state).map(({ name, value }) => [name, value]), ...(state.hidden ? [["hidden", "true"]] : []),
  ...(state.apart ? [["collapse", "false"]] : []),
];

/** The same as a body of JSON. */
export const limitsAsBody = (state, count) => ({
  k: count,
  ...Object.fromEntries(LISTS.filter((name) => state[name].length).map((name) => [name, state[name]])),
  ...Object.fromEntries(TEXTS.filter((name) => state[name] !== "").map((name) => [name, state[name]])),
  ...(state.hidden && { hidden: true }),
  ...(state.apart && { collapse: false }),
});

/** What the service is asked for a text, as the part of the address after "?". */
export const searchParameters = (state, count) => new URLSearchParams([["q", state.q], ...limits(state, count)]).toString();

/** Two states with the same key have the same answer. */
export const searchKey = (state) => toAddress({ ...state, video: null, time_ms: null, view: "cards" });

/** Whether there is anything to search for. */
export const asks = (state) => Boolean(state.q || state.like || state.upload !== null);

/** Filters of a state, one each: [{name, value}]. */
export const filtersOf = (state) => [
  ...LISTS.flatMap((name) => state[name].map((value) => ({ name, value }))),
  ...TEXTS.filter((name) => state[name] !== "").map((name) => ({ name, value: state[name] })),
];

/** The state without one of its filters. */
export function withoutFilter(state, { name, value }) {
  return LISTS.includes(name)
    ? { ...state, [name]: state[name].filter((other) => other !== value) }
    : { ...state, [name]: "" };
}

/** The state without any filter, and without what else the form of filters sets. */
export const withoutFilters = (state) => ({ ...filtersOf(state).reduce(withoutFilter, state), apart: false });

/** What was typed, with words such as `tag:猫` and `标签:猫` taken out as filters: {q, tag, path}. */
export function typed(text) {
  const found = { q: "", tag: [], path: [] };
  const left = text.split(/\s+/).filter((word) => {
    const [, name, value] = /^([a-z]+|标签|路径)[:：](.+)$/i.exec(word) ?? [];
    const filter = name && TYPED[name.toLowerCase()];
    if (filter) found[filter].push(value);
    return !filter;
  });
  found.q = left.join(" ").trim();
  return found;
}
