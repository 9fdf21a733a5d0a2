// The JavaScript client of channelstream, from the PyPI package, in Node:
// `node --experimental-websocket channelstream.mjs HOST:PORT SECRET DIRECTORY`. Each line is what a
// callback of it was told.

import { pathToFileURL } from "node:url";

const [address, secret, directory] = process.argv.slice(2);

// What the client takes from a browser.
globalThis.window = globalThis;
globalThis.XMLHttpRequest = class XMLHttpRequest {
  static DONE = 4;
  readyState = 0;
  status = 0;
  responseText = "";
  headers = {};
  abortion = new AbortController();

  open(method, url) {
    this.method = method;
    this.url = url;
    this.readyState = 1;
    this.onreadystatechange();
  }

  setRequestHeader(name, value) {
    this.headers[name] = value;
  }

  abort() {
    this.abortion.abort();
  }

  async send(body) {
    const { method, headers } = this;
    const signal = this.abortion.signal;
    try {
      const answer = await fetch(this.url, { method, headers, body, signal });
      this.responseText = await answer.text();
      this.status = answer.status;
    } catch {
      this.status = 0;
    }
    this.readyState = XMLHttpRequest.DONE;
    this.onreadystatechange();
  }
};

const module = (name) => import(pathToFileURL(`${directory}/${name}`).href);
const { ChannelStreamConnection } = await module("channelstream.js");
const { ChannelStreamSigner } = await module("signer.js");

const say = (...words) => console.log(words.map((word) => JSON.stringify(word)).join(" "));
const waiting = {};

/** Waits until a callback was told something. */
const told = (name) => new Promise((resolve) => (waiting[name] = resolve));

function client(username, noWebsocket) {
  const connection = new ChannelStreamConnection();
  const path = (name) => {
    const token = new ChannelStreamSigner(secret).signRequest();
    return `http://${address}/${name}?secret=${encodeURIComponent(token)}`;
  };
  Object.assign(connection, {
    username,
    noWebsocket,
    channels: ["room"],
    shouldReconnect: false,
    websocketUrl: `ws://${address}/ws`,
    longPollUrl: `http://${address}/listen`,
    disconnectUrl: `http://${address}/disconnect`,
    connectUrl: path("connect"),
    subscribeUrl: path("subscribe"),
    unsubscribeUrl: path("unsubscribe"),
    messageUrl: path("message"),
    messageEditUrl: path("message"),
    messageDeleteUrl: path("message"),
  });
  const callbacks = ["connect", "subscribe", "unsubscribe", "message", "messageEdit", "messageDelete",
    "disconnect"];
  for (const name of callbacks) {
    connection[`${name}Callback`] = (request, answer) => waiting[name]?.(answer);
    connection[`${name}ErrorCallback`] = (request, answer) => say(username, name, "failed", answer);
  }
  connection.listenOpenedCallback = () => waiting[`${username} open`]?.();
  const seen = new Set();
  connection.listenMessageCallback = (frames) => {
    for (const { type, uuid, user, channel, message } of frames ?? []) {
      // Behind Pushpin one may come twice.
      if (seen.has(type + uuid)) continue;
      seen.add(type + uuid);
      say(username, type, user ?? null, channel ?? null, message ?? null);
      waiting[username]?.(type);
    }
  };
  return connection;
}

async function open(connection) {
  const connected = told("connect");
  const opened = told(`${connection.username} open`);
  connection.connect();
  const { channels, username } = await connected;
  say(username, "connected", channels);
  await opened;
}

/** Has a client do something, of which somebody hears. */
async function heard(listener, act) {
  const hears = told(listener);
  act();
  await hears;
}

const alice = client("alice", false);
const bob = client("bob", true);
await open(alice);
await open(bob);

const uuid = "00000001-0000-4000-8000-000000000000";
await heard("alice", () => alice.message([{ user: "alice", channel: "room", uuid, message: { n: 1 } }]));
await heard("alice", () => alice.edit([{ uuid, channel: "room", message: { n: 2 } }]));
await heard("alice", () => alice.delete([{ uuid, channel: "room" }]));
await heard("bob", () => alice.message([{ user: "alice", pm_users: ["bob"], message: { n: 3 } }]));

const subscribed = told("subscribe");
alice.subscribe(["other"]);
say("alice", "subscribed", (await subscribed).channels);
await heard("alice", () => bob.message([{ user: "bob", channel: "other", message: { n: 4 } }]));
const unsubscribed = told("unsubscribe");
alice.unsubscribe(["room"]);
say("alice", "unsubscribed", (await unsubscribed).channels);

const disconnected = told("disconnect");
alice.disconnect();
say("alice", "disconnected", await disconnected);
process.exit(0);
