// An application written with node:http and @fanoutio/serve-grip, which keeps a part of the contract
// that the conformance servers keep: /plain, /hold/response, /hold/stream, /publish/all, /ws/echo,
// /ws/room and /ws/counter.
//
// It prints `listening on ADDR` when it is ready.

import { createServer } from 'node:http';
import { HttpResponseFormat, HttpStreamFormat, Item, WebSocketMessageFormat } from '@fanoutio/grip';
import { ServeGrip } from '@fanoutio/serve-grip';

const serveGrip = new ServeGrip({ grip: process.env.GRIP_URL });

const holds = {
  response(instruct, query) {
    instruct.setHoldLongPoll(query.has('timeout') ? Number(query.get('timeout')) : undefined);
    return 'timeout\n';
  },

  stream(instruct, query) {
    instruct.setHoldStream();
    if (query.has('keep_alive')) {
      instruct.setKeepAlive(query.get('keep_alive'), Number(query.get('keep_alive_timeout')));
    }
    return '[open]\n';
  },
};

function hold(kind, query, req, res) {
  if (!req.grip.isProxied) {
    return text(res, 501, 'There is no proxy to hold this.\n');
  }
  const instruct = res.grip.startInstruct();
  instruct.addChannel(query.getAll('channel'));
  const body = holds[kind](instruct, query);
  text(res, Number(query.get('status') ?? 200), body);
}

const sockets = {
  echo: (context) => ({
    text: (message) => context.send(message),
    binary: (content) => context.sendBinary(content),
  }),

  room(context, query) {
    const channel = query.get('channel');
    if (context.isOpening()) {
      context.subscribe(channel);
    }
    const publish = (message) => publishAs(channel, new WebSocketMessageFormat(message));
    return { text: publish, binary: publish };
  },

  counter(context) {
    const count = () => {
      context.meta.count = String(Number(context.meta.count ?? 0) + 1);
      context.send(context.meta.count);
    };
    return { text: count, binary: count };
  },
};

async function socket(kind, query, req, res) {
  const context = req.grip.wsContext;
  if (context == null) {
    return text(res, 400, 'There are no events.\n');
  }
  const answer = sockets[kind](context, query);
  if (context.isOpening()) {
    context.accept();
  }
  while (context.canRecv()) {
    let message;
    try {
      message = context.recvRaw();
    } catch {
      break;
    }
    if (message == null) {
      context.close(context.closeCode ?? undefined);
      break;
    }
    await (typeof message === 'string' ? answer.text(message) : answer.binary(message));
  }
  res.writeHead(200);
  res.end();
}

function publishAs(channel, formats, id) {
  return serveGrip.getPublisher().publish(channel, new Item(formats, id));
}

async function publish(query, req, res) {
  const parts = [];
  for await (const part of req) {
    parts.push(part);
  }
  const body = Buffer.concat(parts).toString();
  const formats = [new HttpResponseFormat({ body }), new HttpStreamFormat(body), new WebSocketMessageFormat(body)];
  await publishAs(query.get('channel'), formats, query.get('id') ?? undefined);
  res.writeHead(200, { 'Content-Type': 'application/json' });
  res.end(JSON.stringify({ published: 1 }));
}

function text(res, status, body) {
  res.writeHead(status, { 'Content-Type': 'text/plain' });
  res.end(body);
}

const server = createServer(async (req, res) => {
  if (!(await serveGrip.run(req, res))) {
    return;
  }
  const { pathname, searchParams: query } = new URL(req.url, 'http://origin');
  const [, first, second] = pathname.split('/');
  if (first === 'plain') {
    text(res, 200, 'plain\n');
  } else if (first === 'hold' && second in holds) {
    hold(second, query, req, res);
  } else if (first === 'publish' && second === 'all') {
    await publish(query, req, res);
  } else if (first === 'ws' && second in sockets) {
    await socket(second, query, req, res);
  } else {
    text(res, 404, 'There is nothing here.\n');
  }
});

const [host, port] = process.argv[process.argv.indexOf('--listen') + 1].split(':');
server.listen(Number(port), host, () => {
  const { address, port } = server.address();
  console.log(`listening on ${address}:${port}`);
});
process.on('SIGTERM', () => process.exit(0));
