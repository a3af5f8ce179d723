"use strict";
// Search over all channels, chunk by chunk, newest first. Nothing is built beforehand: the texts are read as they are.

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// Words, "exact words" and the filters from:, to:, in:, has:, subject:, before: and after:; a minus leaves out.
function understand(query) {
  const asked = { words: [], filters: [] };
  for (const [, minus, name, exact, word] of query.matchAll(/(-?)(?:(from|to|in|has|subject|before|after):)?(?:"([^"]*)"|(\S+))/gi)) {
    const value = fold(exact ?? word);
    if (!value) continue;
    if (name || minus) asked.filters.push({ name: (name ?? "word").toLowerCase(), value, out: minus === "-" });
    else asked.words.push(value);
  }
  return asked;
}

const who = (id) => { const person = MAILFERRY.person(id); return fold(`${person.name} ${person.address}`); };

function passes(filter, post, channel) {
  const { name, value } = filter;
  const day = () => new Date(post.date).toISOString().slice(0, value.length);
  switch (name) {
    case "from": return who(post.user).includes(value);
    case "to": return [...(post.to ?? []), ...(post.cc ?? [])].some((id) => who(id).includes(value));
    case "in": return fold(`${channel.name} ${channel.directory}`).includes(value.replace(/^#/, ""));
    case "has": return post.file !== undefined && (value === "file" || (value === "image" && post.file.image === 1));
    case "subject": return fold(post.subject ?? "").includes(value);
    case "before": return day() < value;
    case "after": return day() >= value;
    default: return fold(textOf(post)).includes(value);
  }
}

const textOf = (post) => `${post.subject ?? ""}\n${post.text ?? ""}\n${post.file?.name ?? ""}`;

function matches(asked, post, channel) {
  if (!asked.filters.every((filter) => passes(filter, post, channel) !== filter.out)) return false;
  if (asked.words.length === 0) return asked.filters.length > 0;
  const text = fold(`${textOf(post)}\n${MAILFERRY.person(post.user).name}`);
  return asked.words.every((word) => text.includes(word));
}

// Calls `found` with the matches of each chunk and `progress` with how many posts were read; ends early once `isStale`.
async function search(query, found, progress, isStale) {
  const asked = understand(query);
  const only = asked.filters.filter((filter) => filter.name === "in");
  const channels = MAILFERRY.archive.channels.filter((channel) => only.every((filter) => passes(filter, {}, channel) !== filter.out));
  const total = channels.reduce((sum, channel) => sum + channel.posts, 0);
  let read = 0;
  for (const channel of channels) {
    for (let number = channel.chunks - 1; number >= 0; number--) {
      const posts = await MAILFERRY.posts(channel.directory, number);
      if (isStale()) return;
      const hits = posts.filter((post) => matches(asked, post, channel)).map((post) => ({ channel, post }));
      read += posts.length;
      found(hits.sort((one, other) => order(other.post.ts, one.post.ts)));
      progress(read, total);
      // Typing goes before searching.
      await new Promise((resolve) => setTimeout(resolve));
      if (isStale()) return;
    }
  }
  progress(total, total);
}

// Where the words stand in a text, as [start, end] in it: folding changes lengths, so it is done letter by letter.
function places(text, words) {
  const at = [];
  let folded = "", index = 0;
  for (const letter of text) {
    const small = fold(letter);
    for (let nth = 0; nth < small.length; nth++) at.push(index);
    folded += small;
    index += letter.length;
  }
  at.push(index);
  const found = [];
  for (const word of words) {
    for (let start = folded.indexOf(word); start >= 0; start = folded.indexOf(word, start + word.length)) found.push([at[start], at[start + word.length]]);
  }
  return found.sort((one, other) => one[0] - other[0]);
}

// The text around the first word that was found, with all of them marked.
function snippet(text, words, room = 220) {
  const flat = text.replace(/\s+/g, " ").trim();
  const first = places(flat.slice(0, 20000), words)[0]?.[0] ?? 0;
  const start = first > room / 3 ? flat.indexOf(" ", first - room / 3) + 1 : 0;
  const cut = flat.slice(start, start + room);
  const parts = [start > 0 ? "… " : ""];
  let from = 0;
  for (const [begin, end] of places(cut, words)) {
    if (begin < from) continue;
    parts.push(cut.slice(from, begin), make("mark", {}, cut.slice(begin, end)));
    from = end;
  }
  return [...parts, cut.slice(from), start + room < flat.length ? " …" : ""];
}
