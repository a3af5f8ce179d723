"use strict";
// The page: what stands after the # says which list and which thread are shown, so that every view has an address.
(() => {
  const at = (id) => document.getElementById(id);
  const [main, pane, said, query] = [at("main"), at("thread"), at("said"), at("query")];
  const { archive } = MAILFERRY;
  const phone = matchMedia("(max-width: 760px)");
  let place = new URLSearchParams();
  let listed = "", opened = "", growing = [], growingThread = null, run = 0;
  let sorting = "latest";

  // ---- Addresses

  const LISTS = ["search", "files", "people", "channel"];
  const kindOf = (params) => LISTS.find((kind) => params.has(kind));
  const address = (entries) => `#${new URLSearchParams(entries)}`;
  const listAddress = () => { const kind = kindOf(place); return kind ? address([[kind, place.get(kind)]]) : "#"; };
  const threadAddress = (directory, ts, post) => {
    const kind = kindOf(place) ?? "channel", value = place.get(kind) ?? directory;
    const entries = [[kind, value]];
    if (kind !== "channel" || value !== directory) entries.push(["in", directory]);
    entries.push(["thread", ts]);
    if (post && post !== ts) entries.push(["post", post]);
    return address(entries);
  };

  // ---- The sides

  function drawNav() {
    const name = archive.organisation ? `${archive.organisation} and partners` : "Channels";
    at("organisation").textContent = name;
    document.title = name;
    at("channels").replaceChildren(...archive.channels.map((channel) => make("li", {},
      make("a", { href: address([["channel", channel.directory]]), "data-place": channel.directory, title: channel.purpose || null },
        make("span", { class: "name" }, make("span", { class: "dim", "aria-hidden": "true" }, "# "), bdi(channel.name)),
        make("span", { class: "count", title: plural(channel.posts, "post", "posts") }, channel.threads.toLocaleString("en"))))));
    if (archive.channels.length === 0) at("channels").append(make("li", { class: "hint" }, "No channel yet: they appear once something was delivered."));
    const files = archive.channels.reduce((sum, channel) => sum + channel.files, 0);
    at("file-count").textContent = files.toLocaleString("en");
    at("people-count").textContent = MAILFERRY.everyone.size.toLocaleString("en");
  }

  function markNav(kind) {
    for (const link of document.querySelectorAll("#nav a[data-place]")) {
      const here = link.dataset.place === (kind === "channel" ? place.get("channel") : kind);
      here ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
      if (here && !phone.matches) link.scrollIntoView({ block: "nearest" });
    }
  }

  const back = (href, text) => make("a", { class: "back", href, "aria-label": text }, "‹");
  const empty = (title, text) => make("div", { class: "empty" }, make("p", { class: "title" }, title), make("p", {}, text));
  const failed = (error) => empty("This cannot be shown", error.message);

  function head(title, note, ...more) {
    return make("header", { class: "head" }, back("#", "All channels"), make("div", { class: "grow" }, make("h2", {}, title), note ? make("p", { class: "note", dir: "auto" }, note) : null), more);
  }

  function begin(...children) {
    growing.forEach((list) => list.stop());
    growing = [];
    main.replaceChildren(...children);
    main.scrollTop = 0;
  }

  // Items under the days that they belong to.
  function byDay(items, tsOf, draw) {
    const list = make("div", { class: "cards" });
    main.append(list);
    let last = "";
    growing.push(grow(list, items, (item) => {
      const today = longDay(dateOf(tsOf(item)));
      const title = today === last ? [] : [make("h3", { class: "day" }, today)];
      last = today;
      return [...title, draw(item)];
    }));
    return list;
  }

  // ---- A channel

  const SORTS = {
    latest: ["Latest activity", (one, other) => order(other[4], one[4]), (row) => row[4]],
    newest: ["Newest first", (one, other) => order(other[0], one[0]), (row) => row[0]],
    oldest: ["Oldest first", (one, other) => order(one[0], other[0]), (row) => row[0]],
  };

  async function showChannel(directory) {
    const channel = MAILFERRY.channelOf(directory);
    if (!channel) return begin(head("No such channel"), empty("No such channel", `This archive has no channel “${directory}”.`));
    const mine = ++run;
    const select = make("select", { "aria-label": "Order of the threads" }, Object.entries(SORTS).map(([key, [label]]) => make("option", { value: key, selected: key === sorting }, label)));
    select.onchange = () => { sorting = select.value; showChannel(directory).then(() => main.querySelector("select")?.focus()); };
    begin(head(make("span", {}, make("span", { class: "dim" }, "# "), bdi(channel.name)),
      `${plural(channel.threads, "thread", "threads")} · ${plural(channel.posts, "post", "posts")}`, select));
    if (channel.posts === 0) return main.append(empty("Nothing here yet", "Messages appear once they were delivered to this channel."));
    const { threads } = await MAILFERRY.threads(directory);
    if (mine !== run) return;
    const [, compare, tsOf] = SORTS[sorting];
    const sorted = [...threads].sort(compare);
    byDay(sorted, tsOf, (row) => threadCard(directory, row, tsOf(row)));
    if (opened) growing[0].upTo(sorted.findIndex((row) => `${directory} ${row[0]}` === opened));
    markCard();
    main.querySelector("[aria-current]")?.scrollIntoView({ block: "center" });
  }

  function threadCard(directory, row, under) {
    const [ts, user, subject, replies, latest] = row;
    const author = MAILFERRY.person(user);
    const title = make("span", { class: "subject", dir: "auto" }, subject || "(no subject)");
    const preview = make("span", { class: "preview", dir: "auto" });
    const when = make("span", { class: "when" }, day(dateOf(ts)));
    const card = make("a", { class: "card", href: threadAddress(directory, ts), "data-thread": `${directory} ${ts}` }, avatar(author),
      make("span", { class: "who" }, bdi(author.name)), when,
      title, preview,
      replies ? make("span", { class: "meta" }, `${plural(replies, "reply", "replies")}`, make("span", { class: "dim" }, ` · last ${day(dateOf(latest))}`)) : null);
    MAILFERRY.root(directory, row).then((post) => {
      if (!post) return;
      if (!subject && post.subject) title.textContent = post.subject;
      when.replaceChildren(time(post, longDay(dateOf(under)) === longDay(dateOf(ts)) ? "clock" : "day"));
      const text = (post.text ?? post.file?.name ?? "").slice(0, 600).replace(/^>.*$/gm, "").replace(/\s+/g, " ").trim();
      preview.textContent = text.slice(0, 200);
    }, () => { preview.textContent = "(cannot be read)"; });
    return card;
  }

  function markCard() {
    for (const card of main.querySelectorAll("[data-thread]")) {
      const post = card.dataset.post ?? place.get("post") ?? place.get("thread");
      card.dataset.thread === opened && post === (place.get("post") ?? place.get("thread")) ? card.setAttribute("aria-current", "true") : card.removeAttribute("aria-current");
    }
  }

  // ---- A thread

  async function showThread(directory, ts, wanted) {
    const channel = MAILFERRY.channelOf(directory);
    const thread = channel && await MAILFERRY.thread(directory, ts);
    if (opened !== `${directory} ${ts}`) return;
    growingThread?.stop();
    if (!thread) return pane.replaceChildren(empty("No such thread", "It is not in this archive, or not published yet."));
    const messages = gather(thread.posts);
    const subject = thread.row[2] || thread.posts[0]?.subject || "(no subject)";
    const writers = [...new Set(thread.posts.map((post) => post.user))].map(MAILFERRY.person);
    const list = make("div", { class: "posts" });
    pane.replaceChildren(make("header", { class: "head" }, back(listAddress(), "Back to the list"),
      make("div", { class: "grow" }, make("h2", { dir: "auto" }, subject),
        make("p", { class: "note" }, make("a", { href: address([["channel", directory]]) }, `#${channel.name}`), ` · ${plural(messages.length, "message", "messages")} · `,
          writers.slice(0, 4).flatMap((person, nth) => [nth ? ", " : "", bdi(person.name)]), writers.length > 4 ? ` and ${writers.length - 4} more` : ""))), list);
    growingThread = grow(list, messages, (message) => drawMessage(message, subject), 20);
    pane.scrollTop = 0;
    document.title = `${subject} · ${archive.organisation || channel.name}`;
    if (phone.matches) pane.focus({ preventScroll: true });
    if (wanted) point(messages, wanted);
  }

  // The posts of one message: its first piece, the pieces that follow it, its files.
  function gather(posts) {
    const messages = [];
    for (const post of posts) {
      const last = messages[messages.length - 1];
      const goes_on = last && (post.file || post.number > 1) && last[0].user === post.user && last[0].date === post.date;
      goes_on ? last.push(post) : messages.push([post]);
    }
    return messages;
  }

  function drawMessage(posts, subject) {
    const first = posts[0], author = MAILFERRY.person(first.user);
    const article = make("article", { class: `post${author.own ? " own" : ""}`, id: `post-${first.ts}`, tabindex: "-1" }, avatar(author),
      make("header", {}, make("span", { class: "who" }, bdi(author.name)),
        author.address && author.address !== author.name ? make("span", { class: "dim address" }, author.address) : null,
        author.own ? make("span", { class: "side" }, archive.organisation || "us") : null,
        make("a", { class: "when", href: threadAddress(...opened.split(" "), first.ts) }, time(first))),
      recipients(first), beware(first));
    if (first.subject && bare(first.subject) !== bare(subject)) article.append(make("p", { class: "resubject", dir: "auto" }, first.subject));
    const texts = posts.filter((post) => post.text !== undefined).map((post) => post.text);
    if (texts.some((text) => text.trim())) texts.forEach((text) => article.append(prose(text)));
    else if (!posts.some((post) => post.file)) article.append(make("p", { class: "hint" }, "This message has no text."));
    const files = posts.filter((post) => post.file);
    if (files.length) article.append(make("div", { class: "files" }, files.map((post) => make("div", { id: `post-${post.ts}` }, attachment(post.file)))));
    return article;
  }

  const bare = (subject) => subject.replace(/^(\s*(re|aw|fwd?|wg|sv|vs|antw|tr|rif|res|enc|odp|rv|vb)(\[\d+\])?\s*[:：])+/i, "").trim().toLowerCase();

  function point(messages, ts) {
    growingThread.upTo(messages.findIndex((posts) => posts.some((post) => post.ts === ts)));
    const element = at(`post-${ts}`)?.closest("article");
    if (!element) return;
    pane.querySelector(".pointed")?.classList.remove("pointed");
    element.classList.add("pointed");
    element.scrollIntoView({ block: "start" });
  }

  function showNoThread() {
    const channel = MAILFERRY.channelOf(place.get("channel"));
    const span = channel?.first ? `${day(dateOf(channel.first))} to ${day(dateOf(channel.last))}` : "";
    growingThread?.stop();
    pane.replaceChildren(channel
      ? make("div", { class: "empty overview" }, make("p", { class: "title" }, bdi(channel.name)), channel.purpose ? make("p", { dir: "auto" }, channel.purpose) : null,
        make("p", {}, `${plural(channel.threads, "thread", "threads")}, ${plural(channel.files, "file", "files")}`), span ? make("p", {}, span) : null,
        channel.posts ? make("p", { class: "hint" }, "Choose a thread to read it.") : null)
      : empty("Nothing is open", "Choose a thread to read it."));
    document.title = channel ? `${channel.name} · ${archive.organisation}` : at("organisation").textContent;
  }

  // ---- Search, files, people

  async function showSearch(text) {
    if (query.value !== text && document.activeElement !== query) query.value = text;
    const mine = ++run, words = understand(text).words, hits = [];
    const bar = make("progress", { max: 1, value: 0, "aria-label": "Progress of the search" });
    const count = make("p", { class: "note" }, "Searching …");
    begin(make("header", { class: "head" }, back("#", "All channels"), make("div", { class: "grow" }, make("h2", {}, "Search"), count), bar));
    if (!text.trim()) { bar.remove(); count.textContent = ""; return main.append(empty("What are you looking for?", "Type words in the field; all channels are searched.")); }
    const results = make("div", {});
    main.append(results);
    const show = () => {
      growing.forEach((list) => list.stop());
      const list = make("div", { class: "cards" });
      results.replaceChildren(list);
      growing = [grow(list, hits, (hit) => hitCard(hit, words))];
      markCard();
    };
    await search(text, (found) => {
      const few = hits.length < 30 && found.length > 0;
      hits.push(...found);
      if (few) show();
    }, (read, total) => {
      bar.max = total || 1;
      bar.value = read;
      count.textContent = `${plural(hits.length, "match", "matches")} in ${read.toLocaleString("en")} of ${plural(total, "post", "posts")}`;
    }, () => mine !== run);
    if (mine !== run) return;
    bar.remove();
    count.textContent = plural(hits.length, "match", "matches");
    said.textContent = `${count.textContent} for ${text}`;
    hits.sort((one, other) => order(other.post.ts, one.post.ts));
    if (!main.contains(document.activeElement) || document.activeElement === main) show();
    if (hits.length === 0) main.append(empty("Nothing was found", "Every word has to occur. Try fewer words, or a part of one."));
  }

  function hitCard({ channel, post }, words) {
    const author = MAILFERRY.person(post.user);
    return make("a", { class: "card", href: threadAddress(channel.directory, post.root ?? post.ts, post.ts), "data-thread": `${channel.directory} ${post.root ?? post.ts}`, "data-post": post.ts }, avatar(author),
      make("span", { class: "who" }, bdi(author.name)), make("span", { class: "when" }, time(post, "day")),
      make("span", { class: "subject", dir: "auto" }, post.file ? snippet(post.file.name, words) : snippet(post.subject || channel.name, words)),
      make("span", { class: "preview", dir: "auto" }, snippet(post.text ?? "", words)), make("span", { class: "meta dim" }, `#${channel.name}`));
  }

  async function showFiles() {
    const mine = ++run;
    begin(head("All files", "Newest first"));
    const files = [];
    for (const channel of archive.channels.filter((channel) => channel.files > 0)) {
      const index = await MAILFERRY.threads(channel.directory);
      files.push(...index.files.map(([ts, root, user, file]) => ({ channel, ts, root, user, file })));
    }
    if (mine !== run) return;
    if (files.length === 0) return main.append(empty("No files", "Attachments appear here once they were delivered."));
    files.sort((one, other) => order(other.ts, one.ts));
    byDay(files, (item) => item.ts, ({ channel, ts, root, user, file }) => make("div", { class: "row" }, attachment(file),
      make("a", { class: "meta", href: threadAddress(channel.directory, root, ts), "data-thread": `${channel.directory} ${root}` }, bdi(MAILFERRY.person(user).name), make("span", { class: "dim" }, ` in #${channel.name}`))));
    markCard();
  }

  function showPeople() {
    ++run;
    const everyone = [...MAILFERRY.everyone.values()].sort((one, other) => other.posts - one.posts || one.name.localeCompare(other.name));
    begin(head("People", `${plural(everyone.length, "person", "people")}, by how much they wrote`));
    if (everyone.length === 0) return main.append(empty("Nobody yet", "Correspondents appear once something was delivered."));
    const list = make("div", { class: "cards" });
    main.append(list);
    growing.push(grow(list, everyone, (person) => make("a", { class: "card person", href: address([["search", `from:"${(person.address || person.name).replaceAll('"', "")}"`]]) }, avatar(person),
      make("span", { class: "who" }, bdi(person.name)), make("span", { class: "when" }, person.posts ? plural(person.posts, "post", "posts") : "did not write"),
      make("span", { class: "preview" }, person.address, person.own ? make("span", { class: "side" }, archive.organisation || "us") : null)), 60));
  }

  // ---- The way from an address to a view

  async function go() {
    place = new URLSearchParams(location.hash.slice(1));
    if (!kindOf(place) && !phone.matches && archive.channels.length) {
      const latest = archive.channels.reduce((one, other) => (order(other.last ?? "", one.last ?? "") > 0 ? other : one));
      place.set("channel", latest.directory);
    }
    const kind = kindOf(place), ts = place.get("thread"), directory = place.get("in") ?? place.get("channel");
    document.documentElement.dataset.pane = ts ? "thread" : kind ? "list" : "nav";
    const list = kind ? `${kind} ${place.get(kind)}` : "", thread = ts ? `${directory} ${ts}` : "";
    markNav(kind);
    const wasOpened = opened;
    opened = thread;
    const tasks = [];
    if (list !== listed) {
      listed = list;
      const views = { channel: showChannel, search: showSearch, files: showFiles, people: showPeople };
      if (kind) tasks.push(Promise.resolve(views[kind](place.get(kind))).catch((error) => main.append(failed(error))));
      else begin(empty("Nothing here yet", "Channels appear once something was delivered."));
    }
    if (!thread) showNoThread();
    else if (thread !== wasOpened || place.get("post")) tasks.push(showThread(directory, ts, place.get("post")).catch((error) => pane.replaceChildren(failed(error))));
    markCard();
    await Promise.all(tasks);
    document.documentElement.dataset.ready = String(Number(document.documentElement.dataset.ready ?? 0) + 1);
  }

  // ---- Keys

  function move(step) {
    const cards = [...main.querySelectorAll(".card, .row > .meta")];
    const now = cards.indexOf(document.activeElement);
    const from = now >= 0 ? now : cards.findIndex((card) => card.hasAttribute("aria-current"));
    cards[Math.max(0, Math.min(cards.length - 1, from + step))]?.focus();
  }

  function leave() {
    if (document.activeElement === query) return query.value ? (query.value = "", query.focus()) : main.focus();
    if (place.has("thread")) {
      location.hash = listAddress();
      main.querySelector("[data-thread][aria-current]")?.focus();
    } else if (kindOf(place) === "search") location.hash = "";
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "Escape") { event.preventDefault(); return leave(); }
    if (event.target === query && event.key === "ArrowDown") { event.preventDefault(); return move(1); }
    if (typing || pane.contains(event.target)) { if (event.key !== "/" || typing) return; }
    if (event.key === "/") { event.preventDefault(); document.documentElement.dataset.pane = "nav"; query.focus(); query.select(); }
    if (["ArrowDown", "j"].includes(event.key)) { event.preventDefault(); move(1); }
    if (["ArrowUp", "k"].includes(event.key)) { event.preventDefault(); move(-1); }
  });

  let typed = 0;
  const ask = () => {
    clearTimeout(typed);
    const text = query.value.trim(), target = address([["search", text]]);
    // Each further letter is the same search, not a further step back.
    if (text) kindOf(place) === "search" ? location.replace(target) : (location.hash = target);
  };
  query.addEventListener("input", () => { clearTimeout(typed); if (!phone.matches && query.value.trim().length > 2) typed = setTimeout(ask, 300); });
  at("search").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  addEventListener("beforeprint", () => growingThread?.all());
  addEventListener("hashchange", go);
  drawNav();
  go();
})();
