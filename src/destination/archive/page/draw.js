"use strict";
// Drawing. Whatever comes out of a mail becomes text nodes here and nothing else; the only elements made of it are links
// to http and https, which show where they lead.

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const bdi = (text) => make("bdi", {}, text);
const plural = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" };
const DAY = { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };
const LONG_DAY = { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" };
const format = (options) => { const made = new Intl.DateTimeFormat("en-GB", options); return (date) => made.format(date); };
const clock = format(CLOCK), day = format(DAY), longDay = format(LONG_DAY);
const utc = (date) => `${day(date)}, ${clock(date)} UTC`;
const dateOf = (ts) => new Date(parseInt(ts, 10) * 1000);

// The date as the sender's clock showed it, whole or only its "day" or "clock"; in UTC when one points at it.
function time(post, only) {
  const date = new Date(post.date);
  const offset = /([+-]\d\d:\d\d|Z)$/.exec(post.date)?.[1] ?? "Z";
  const shown = new Date(`${post.date.slice(0, 19)}Z`);
  const zone = offset === "Z" || offset === "+00:00" ? "UTC" : offset;
  const text = only === "day" ? day(shown) : only === "clock" ? `${clock(shown)} ${zone}` : `${day(shown)}, ${clock(shown)} ${zone}`;
  const inferred = post.inferred ? " (inferred: the mail has no usable date)" : "";
  const note = inferred + (post.late ? " (arrived late: newer messages of its thread were posted before it)" : "");
  return make("time", { datetime: post.date, title: utc(date) + note, class: post.inferred ? "inferred" : null }, text);
}

function avatar(person) {
  const words = person.name.replace(/[^\p{L}\p{N}\s@.-]/gu, "").split(/[\s@.-]+/).filter(Boolean);
  const initials = [words[0], words.length > 1 && !person.name.includes("@") ? words[words.length - 1] : ""];
  const letters = initials.map((word) => [...(word ?? "")][0] ?? "").join("").toUpperCase() || "?";
  let hue = 0;
  for (const letter of person.id) hue = (hue * 31 + letter.codePointAt(0)) % 12;
  return make("span", { class: `avatar hue${hue}${person.own ? " own" : ""}`, "aria-hidden": "true" }, letters);
}

const LINK = /\bhttps?:\/\/[^\s<>"“”„«»‹›]+/giu;

// Text with its links. Brackets and points that belong to the sentence do not belong to the link.
function linked(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    let address = match[0].replace(/[.,;:!?'’*_~]+$/u, "");
    for (const [open, close] of ["()", "[]", "{}"]) {
      while (address.endsWith(close) && address.split(open).length < address.split(close).length) address = address.slice(0, -1).replace(/[.,;:!?]+$/, "");
    }
    const url = safe(address);
    if (!url) continue;
    parts.push(text.slice(from, match.index));
    parts.push(make("a", { href: url, title: url, target: "_blank", rel: "noopener noreferrer nofollow", referrerpolicy: "no-referrer" }, address));
    from = match.index + address.length;
  }
  return [...parts, text.slice(from)];
}

function safe(address) {
  try {
    const url = new URL(address);
    return ["http:", "https:"].includes(url.protocol) && url.hostname ? url.href : null;
  } catch {
    return null;
  }
}

// Paragraphs as they are, quotes set apart.
function prose(text) {
  const body = make("div", { class: "prose", dir: "auto" });
  const lines = text.replace(/\s+$/, "").split("\n");
  for (let at = 0; at < lines.length; ) {
    const quoted = lines[at].startsWith(">");
    let end = at;
    while (end < lines.length && lines[end].startsWith(">") === quoted) end++;
    const block = lines.slice(at, end).map((line) => (quoted ? line.replace(/^> ?/, "") : line)).join("\n");
    const trimmed = block.replace(/^\n+|\s+$/g, "");
    if (trimmed) body.append(make(quoted ? "blockquote" : "p", {}, linked(trimmed)));
    at = end;
  }
  return body;
}

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  while (bytes >= 1000 && unit < 3) { bytes /= 1000; unit++; }
  return `${unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

const pathOf = (file) => file.path.split("/").map(encodeURIComponent).join("/");

function attachment(file) {
  const path = pathOf(file);
  const kind = (/\.([^.]{1,5})$/.exec(file.name)?.[1] ?? "file").toUpperCase();
  const link = make("a", { class: "file", href: path, download: file.name },
    make("span", { class: "kind", "aria-hidden": "true" }, kind),
    make("span", { class: "name" }, bdi(file.name)), make("span", { class: "dim" }, size(file.size)));
  if (!file.image) return link;
  const picture = make("a", { class: "picture", href: path, target: "_blank", rel: "noopener noreferrer" },
    make("img", { src: path, alt: file.name, loading: "lazy", decoding: "async" }));
  return make("figure", {}, picture, make("figcaption", {}, link));
}

// Somebody in a To or Cc line: an id, or the words themselves where there was no address.
function named(id) {
  const person = MAILFERRY.everyone.get(id);
  return make("bdi", { title: person?.address || null }, person?.name ?? id);
}

function recipients(post) {
  const to = post.to ?? [], cc = post.cc ?? [];
  if (to.length + cc.length === 0) return null;
  const list = (label, ids) => ids.length ? make("div", {}, make("span", { class: "label" }, `${label} `), ids.flatMap((id, nth) => {
    const address = MAILFERRY.everyone.get(id)?.address;
    return [nth ? ", " : "", named(id), address && address !== MAILFERRY.person(id).name ? make("span", { class: "dim" }, ` ${address}`) : ""];
  })) : null;
  const all = [...to, ...cc], shown = all.slice(0, 3);
  const summary = make("summary", {}, "to ", shown.flatMap((id, nth) => [nth ? ", " : "", named(id)]), all.length > 3 ? ` and ${all.length - 3} more` : "");
  return make("details", { class: "to" }, summary, list("To", to), list("Cc", cc));
}

// What a reader must know about the people: the list that stands between, look-alikes, names that hold other addresses.
function beware(post) {
  const via = post.via ? make("div", { class: "dim" }, "via ", bdi(post.via)) : null;
  const remarks = (post.remarks ?? []).map((remark) => make("div", { class: "beware", role: "note" }, "Beware: ", bdi(remark)));
  return via || remarks.length ? make("div", {}, via, remarks) : null;
}

// Appends to a list as one comes near its end: ten thousand items cost no more than what is seen.
function grow(list, items, draw, batch = 30) {
  let next = 0;
  const sentinel = make("div", { class: "sentinel", "aria-hidden": "true" });
  list.after(sentinel);
  const more = (count) => {
    const end = Math.min(items.length, next + count);
    for (; next < end; next++) list.append(...[draw(items[next], next)].flat());
    if (next >= items.length) { watcher.disconnect(); sentinel.remove(); }
  };
  const watcher = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && step(), { rootMargin: "1200px" });
  // A sentinel that stays in sight is not reported again by itself.
  const step = () => { more(batch); if (next < items.length) { watcher.unobserve(sentinel); watcher.observe(sentinel); } };
  more(batch);
  if (next < items.length) watcher.observe(sentinel);
  return { all: () => more(Infinity), upTo: (nth) => nth >= next && more(nth - next + batch), stop: () => watcher.disconnect() };
}
