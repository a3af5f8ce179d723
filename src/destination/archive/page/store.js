"use strict";
// The data. A page from the disk may not fetch, so the data are scripts that hand themselves over here when they are run.
const MAILFERRY = (() => {
  const KEPT_CHUNKS = 32;
  const OWN = /^__page\/(channel\/[^/\\]+\/)?[a-z0-9]+\.js$/;
  const arrived = new Map();
  const chunks = new Map();
  const channels = new Map();
  const people = new Map();
  const archive = { organisation: "", channels: [] };

  const policy = window.trustedTypes?.createPolicy("mailferry", {
    createScriptURL(path) {
      if (!OWN.test(path)) throw new TypeError(path);
      return path;
    },
  });

  function run(path, key) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const fail = () => reject(new Error(`${path} is missing or damaged: publish the archive again`));
      script.onload = () => {
        script.remove();
        arrived.has(key) ? resolve(arrived.get(key)) : fail();
        arrived.delete(key);
      };
      script.onerror = fail;
      script.src = policy ? policy.createScriptURL(path) : path;
      document.head.append(script);
    });
  }

  // Each thing is asked for once; what failed may be asked for again.
  function once(map, key, path) {
    if (!map.has(key)) {
      const promise = run(path, key);
      promise.catch(() => map.delete(key));
      map.set(key, promise);
    }
    return map.get(key);
  }

  const home = (directory) => `__page/channel/${encodeURIComponent(directory)}`;

  return {
    // Called by the scripts.
    index: (index) => Object.assign(archive, index),
    people: (rows) => rows.forEach(([id, name, address, posts, own]) => people.set(id, { id, name, address, posts, own: own === 1 })),
    channel: (directory, index) => arrived.set(directory, index),
    chunk: (directory, number, posts) => arrived.set(`${directory}/${number}`, posts),

    // Called by the page.
    archive,
    everyone: people,
    person: (id) => people.get(id) ?? { id, name: id, address: "", posts: 0, own: false },
    channelOf: (directory) => archive.channels.find((channel) => channel.directory === directory),

    async threads(directory) {
      const index = await once(channels, directory, `${home(directory)}/threads.js`);
      index.byTs ??= new Map(index.threads.map((row) => [row[0], row]));
      return index;
    },

    posts(directory, number) {
      const key = `${directory}/${number}`;
      const promise = once(chunks, key, `${home(directory)}/${number}.js`);
      chunks.delete(key);
      chunks.set(key, promise);
      if (chunks.size > KEPT_CHUNKS) chunks.delete(chunks.keys().next().value);
      return promise;
    },

    // The posts of a thread, in order.
    async thread(directory, ts) {
      const row = (await this.threads(directory)).byTs.get(ts);
      if (!row) return null;
      const all = await Promise.all(row[5].map((number) => this.posts(directory, number)));
      const posts = all.flat().filter((post) => post.ts === ts || post.root === ts);
      return { row, posts: posts.sort((one, other) => order(one.ts, other.ts)) };
    },

    // The first post of a thread that stands.
    async root(directory, row) {
      for (const number of row[5]) {
        const found = (await this.posts(directory, number)).find((post) => post.ts === row[0]);
        if (found) return found;
      }
      return (await this.thread(directory, row[0]))?.posts[0] ?? null;
    },
  };
})();

// Stamps are digits with six decimals: the longer is the later, then the order of the text.
function order(one, other) {
  return one.length - other.length || (one < other ? -1 : one > other ? 1 : 0);
}
