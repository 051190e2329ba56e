// How times, spans and marked texts are written. Pure functions; times are integer milliseconds.

/** 83000 -> "1:23", 3723000 -> "1:02:03". */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** "0:03–0:07"; a span shorter than what it would show as is one time. */
export function span(startMs, endMs) {
  const [start, end] = [clock(startMs), clock(endMs)];
  return start === end ? start : `${start}–${end}`;
}

/**
 * A text cut at its marks: [{text, marked}].
 *
 * marks: [[start, end), ...] in characters, in order and apart. The service counts a character beyond U+FFFF once,
 * a JavaScript string twice, so the text is cut by code points.
 */
export function pieces(text, marks = []) {
  const letters = Array.from(text);
  const found = [];
  let at = 0;
  const cut = (end, marked) => {
    if (end > at) found.push({ text: letters.slice(at, end).join(""), marked });
    at = Math.max(at, end);
  };
  for (const [start, end] of marks) {
    cut(Math.min(start, letters.length), false);
    cut(Math.min(end, letters.length), true);
  }
  cut(letters.length, false);
  return found;
}

/** The same, shortened to about `most` characters around the first mark. */
export function excerpt(text, marks = [], most = 60) {
  const letters = Array.from(text);
  if (letters.length <= most) return pieces(text, marks);
  const first = marks.length ? marks[0][0] : 0;
  const from = Math.max(0, Math.min(first - Math.floor(most / 4), letters.length - most));
  const kept = letters.slice(from, from + most).join("");
  const inside = marks
    .map(([start, end]) => [Math.max(0, start - from), Math.min(most, end - from)])
    .filter(([start, end]) => end > start);
  const cut = pieces(kept, inside);
  if (from > 0) cut.unshift({ text: "…", marked: false });
  if (from + most < letters.length) cut.push({ text: "…", marked: false });
  return cut;
}

/** Index of the last line that has begun at `ms`, -1 before the first. lines: by start_ms. */
export function lineAt(lines, ms) {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle].start_ms <= ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** A text as one argument of a POSIX shell. */
export const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
