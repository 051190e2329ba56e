// The HTTP API, and nothing else of the network.
import { limits, limitsAsBody, searchParameters } from "./state.js";
import { quoted } from "./format.js";

const API = "/api/v1";

/** An answer that is no success. `kind` is a stable word, `requestId` finds it in the service's log. */
export class ApiFailure extends Error {
  constructor({ status, kind, message, requestId }) {
    super(message);
    Object.assign(this, { status, kind, requestId });
  }
}

async function failureOf(answer) {
  const requestId = answer.headers.get("X-Request-Id");
  try {
    const { error } = await answer.json();
    return new ApiFailure({ status: answer.status, kind: error.kind, message: error.message, requestId: error.request_id });
  } catch {
    return new ApiFailure({ status: answer.status, kind: "internal", message: `HTTP ${answer.status}`, requestId });
  }
}

/** JSON from the service. ApiFailure; an AbortError passes through. */
async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiFailure({ status: 0, kind: "offline", message: error.message, requestId: null });
  }
  if (!answer.ok) throw await failureOf(answer);
  return answer.status === 204 ? null : answer.json();
}

const post = (path, body, options = {}) =>
  ask(path, { ...options, method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

function form(entries) {
  const body = new FormData();
  for (const [name, value] of entries) body.append(name, value);
  return body;
}

/** Search for what a state asks: its text, a span of a video, or `file`, a picture or clip. */
export function search(state, { count, file, signal }) {
  if (file) {
    const body = form([...limits(state, count), ["file", file]]);
    return ask(`${API}/search/by-example`, { method: "POST", body, signal });
  }
  if (state.like) return post(`${API}/search/by-example`, { ...state.like, ...limitsAsBody(state, count) }, { signal });
  return ask(`${API}/search?${searchParameters(state, count)}`, { signal });
}

/** A file name in an -F of curl, for which one without double quotes ends at a comma or semicolon. */
const inForm = (name) => (/[,;"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name);

/** The same search for a shell. withKey: the service asks for a key, which the command takes from the variable WENSHI_KEY. */
export function asCurl(state, { count, file, withKey }, origin) {
  const curl = withKey ? 'curl -H "Authorization: Bearer $WENSHI_KEY"' : "curl";
  if (file) {
    // A value of -F that begins with @ or < names a file to curl, one of --form-string does not.
    const fields = limits(state, count).map(([name, value]) => `--form-string ${quoted(`${name}=${value}`)}`).join(" ");
    return `${curl} -F ${quoted(`file=@${inForm(file.name)}`)} ${fields} ${quoted(`${origin}${API}/search/by-example`)}`;
  }
  if (state.like) {
    const body = JSON.stringify({ ...state.like, ...limitsAsBody(state, count) });
    return `${curl} -H 'Content-Type: application/json' -d ${quoted(body)} ${quoted(`${origin}${API}/search/by-example`)}`;
  }
  return `${curl} ${quoted(`${origin}${API}/search?${searchParameters(state, count)}`)}`;
}

export const library = () => ask(`${API}/library`);

/** The videos that came last, or those that came before the video `after`: {videos, next}. */
export const newest = ({ after = null, signal }) => ask(`${API}/videos?limit=24${after ? `&after=${after}` : ""}`, { signal });

export const video = (id, signal) => ask(`${API}/videos/${id}`, { signal });
export const transcript = (id, signal) => ask(`${API}/videos/${id}/transcript`, { signal });
export const moments = (id, q, signal) => ask(`${API}/videos/${id}/moments?q=${encodeURIComponent(q)}`, { signal });
export const jobs = () => ask(`${API}/jobs`);
export const cancel = (job) => ask(`${API}/jobs/${job}/cancel`, { method: "POST" });
export const addPath = (path) => post(`${API}/videos`, { paths: [path] });
export const addFiles = (files) =>
  ask(`${API}/videos`, { method: "POST", body: form(files.map((file) => ["file", file])) });
export const logIn = (key) => post(`${API}/session`, { key });

/** Where a span can be had as a file that every browser plays. */
export const clipAddress = (id, startMs, endMs) =>
  `/media/${id}/clip.mp4?start_ms=${Math.round(startMs)}&end_ms=${Math.round(endMs)}`;
