// Answers questions about GRIP with @fanoutio/grip.
//
// A question is one line of JSON, {"do": name, ...}; the answer is one line, {"ok": value} or
// {"error": text}. Bytes are {"base64": text} on both sides; where bytes are wanted, a string stands
// for its UTF-8.

import { createInterface } from 'node:readline';

import {
  Auth,
  Channel,
  GripInstruct,
  HttpResponseFormat,
  HttpStreamFormat,
  Item,
  Publisher,
  WebSocketEvent,
  WebSocketMessageFormat,
  createGripChannelHeader,
  createWebSocketControlMessage,
  decodeWebSocketEvents,
  encodeWebSocketEvents,
  loadKey,
  parseGripUri,
  validateSig,
} from '@fanoutio/grip';

function fromJson(value) {
  if (typeof value?.base64 === 'string') {
    return new Uint8Array(Buffer.from(value.base64, 'base64'));
  }
  return value;
}

function toJson(value) {
  if (value instanceof Uint8Array) {
    return { base64: Buffer.from(value).toString('base64') };
  }
  if (Array.isArray(value)) {
    return value.map(toJson);
  }
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toJson(member)]));
  }
  return value;
}

const channelsOf = (channels) => channels.map(({ name, prev_id }) => new Channel(name, prev_id ?? null));

function itemOf({ formats, id, prev_id }) {
  const made = Object.entries(formats).map(([name, { content, body, close, code, reason, headers }]) => {
    switch (name) {
      case 'http-response':
        return new HttpResponseFormat({ code, reason, headers, body: fromJson(body) });
      case 'http-stream':
        return new HttpStreamFormat(fromJson(content), close);
      case 'ws-message':
        return new WebSocketMessageFormat(fromJson(content), close, code);
      default:
        throw new Error(`no format ${name}`);
    }
  });
  return new Item(made, id, prev_id);
}

const answers = {
  validate_sig: ({ token, key, iss }) => validateSig(token, fromJson(key), iss),

  // It sets the expiry by itself, ten minutes ahead.
  mint: async ({ claims, key, alg }) => {
    const header = await new Auth.Jwt(claims, loadKey(fromJson(key)), alg).buildHeader();
    return header.slice('Bearer '.length);
  },

  parse_grip_uri: ({ uri }) => parseGripUri(uri),

  encode: ({ events }) =>
    encodeWebSocketEvents(events.map(({ type, content }) => new WebSocketEvent(type, fromJson(content)))),

  decode: ({ body }) =>
    decodeWebSocketEvents(fromJson(body)).map((event) => ({ type: event.getType(), content: event.getContent() })),

  control: ({ type, args }) => createWebSocketControlMessage(type, args),

  channel_header: ({ channels }) => createGripChannelHeader(channelsOf(channels)),

  // As headers: this library knows no other form.
  hold: ({ mode, channels, timeout, status, keep_alive, keep_alive_timeout, next_link, meta }) => {
    const instruct = new GripInstruct(channelsOf(channels));
    if (mode === 'response') {
      instruct.setHoldLongPoll(timeout);
    } else {
      instruct.setHoldStream();
    }
    if (status !== undefined) {
      instruct.setStatus(status);
    }
    if (keep_alive !== undefined) {
      instruct.setKeepAlive(fromJson(keep_alive), keep_alive_timeout);
    }
    if (next_link !== undefined) {
      instruct.setNextLink(next_link);
    }
    instruct.meta = meta;
    return instruct.toHeaders();
  },

  item: (members) => itemOf(members).export(),

  publish: async ({ uri, channel, ...members }) => {
    await new Publisher(uri).publish(channel, itemOf(members));
    return true;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...members } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: toJson(await answers[what](members)) };
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
