//! Running it: with the hub inside, behind the hub, behind Pushpin, behind Fastly.
//!
//! Which of them it is, is for `GRIP_URL` to say, and never for a handler.
//!
//! # With the hub inside
//! One process, one port: `gripware_hub::Hub::from_env()` and its `serve`, and no `GRIP_URL`.
//! Requests are signed with a key that the process makes up, and items are published in memory.
//!
//! ```text
//! # /etc/systemd/system/app.service
//! [Unit]
//! After=network-online.target
//! [Service]
//! ExecStart=/usr/local/bin/app
//! Environment=LISTEN=127.0.0.1:8080
//! DynamicUser=yes
//! LimitNOFILE=200000
//! KillSignal=SIGTERM
//! TimeoutStopSec=15
//! Restart=on-failure
//! [Install]
//! WantedBy=multi-user.target
//! ```
//!
//! - A held connection is an open file: the limit of 1024 that many systems start with is 1000
//!   clients.
//! - `TimeoutStopSec` is longer than the hub's `drain` (5 s), so that streams end properly and
//!   WebSockets get their 1001. The application has to listen for SIGTERM: `Serve::with_graceful_shutdown` and the
//!   examples show how.
//! - What is published reaches the clients of this process. Several processes need more: see
//!   [below](#several-processes).
//! - After a restart all clients come back at once. An event source waits as long as `retry:` says,
//!   and a page with WebSockets should wait a random time.
//!
//! # Behind the hub as a program
//! It takes Pushpin's place, for applications in any language, or in more processes than one.
//!
//! ```text
//! # /etc/gripware-hub.toml
//! listen = "[::]:7999"
//! control = "127.0.0.1:5561"
//! origin = "http://127.0.0.1:8080"
//!
//! # /etc/gripware-hub.secrets, with a key of its own for each from: openssl rand -hex 24
//! GRIPWARE_HUB_SIG_KEY=…
//! GRIPWARE_HUB_CONTROL_KEY=…
//! ```
//!
//! Its units for systemd are `gripware-hub.service` and `gripware-hub-clients.socket` in
//! `gripware-cli/systemd`. With the second one and `listen = "fd:clients"` clients wait while the program
//! is started anew.
//!
//! ```sh
//! GRIP_URL='http://127.0.0.1:5561/?key=CONTROL_KEY&verify-iss=gripware&verify-key=SIG_KEY'
//! ```
//!
//! The origin may be `unix:/run/app.sock`, and the program listens on port 7999 unless told
//! otherwise, as Pushpin does. It prints `listening on …` when it is ready, and ends with status 0
//! on SIGTERM.
//!
//! # Several processes
//! A client of one process gets what another publishes in one of three ways:
//!
//! | | where clients connect | each process has |
//! |---|---|---|
//! | a relay | to any process, by a load balancer; each has a hub inside | the hub's feature `relay`, `.brokers([gripware_redis::broker()])` (or `gripware_nats`), and `GRIPWARE_RELAY=redis://…`; no `GRIP_URL` |
//! | a relay of programs | to any program, by a load balancer; each is in front of one process or several | `GRIP_URL` with the control address of one of the programs, each of which has `--relay redis://… --cluster NAME` |
//! | one proxy | to the program, or to Pushpin, which spreads requests over the processes | `GRIP_URL` with the proxy's control address, which turns the hub inside off |
//!
//! Several proxies with no relay between them get each item from whoever publishes: `GRIP_URL` has
//! the addresses of all. History and presence are shared by `GRIPWARE_STATE=redis://…`. The example
//! `rooms` has all of it, and `examples/rooms/nodes` starts two processes with a relay, Redis and nginx.
//!
//! What publishers, clients and nodes see when the broker or a node fails is in a table of the
//! documentation of `gripware_hub`, under "Several nodes", and what handlers see of the history and
//! presence when Redis fails in one of `gripware_redis::state`.
//!
//! # Routes
//! Several applications behind one program, or several processes of one: `--route`, which may be
//! repeated, or `route = ["…"]` in the file; `gripware_hub::Routes` in a library. SIGHUP reads origins
//! and routes again.
//!
//! | a line of Pushpin's routes file | the program |
//! |---|---|
//! | `* localhost:8080,over_http` | `--origin http://localhost:8080` |
//! | `a.example localhost:8080,over_http` | `--route 'a.example http://localhost:8080'` |
//! | `*.a.example localhost:8080,over_http` | `--route '*.a.example http://localhost:8080'` |
//! | `*,path_beg=/api localhost:8080,over_http` | `--route '*,path_beg=/api http://localhost:8080'` |
//! | `*,ssl=yes localhost:8080,over_http` | `--route '*,ssl=yes http://localhost:8080'`: what came over TLS to the program itself |
//! | `* localhost:8443,ssl,over_http` | `--origin https://localhost:8443`, checked by the system's roots, to which `SSL_CERT_FILE` adds |
//! | `* one:80,over_http two:80,over_http` | `--origin http://one --origin http://two`, or both in one `--route`. They take turns, and one that refuses is left out for 5 s; Pushpin asks the second only where the first refuses |
//! | `*,path_beg=/live localhost:8080` | `--route '*,path_beg=/live http://localhost:8080,native_ws'`; `--native-websockets` for all origins |
//! | `,insecure`, `,host=`, `,sub=`, `,replace_beg=`, `,as_host=`, `,sig_key=`, `,debug`, `,aorigin=`, `test` | none; a path of its own is a part of the URL |
//! | none | `,timeout=SECONDS` and `,untrusted` behind a URL; `pipe:NAME` in its place, for an application that dials in |
//! | the most specific line counts | the first that fits counts |
//! | a request without a line is 502 | the same, where there is no `--origin` |
//!
//! # In a container
//! ```text
//! FROM rust:1 AS build
//! COPY . /src
//! RUN cd /src && cargo build --release -p app
//! FROM debian:stable-slim
//! COPY --from=build /src/target/release/app /usr/local/bin/app
//! ENV LISTEN=0.0.0.0:8080
//! USER nobody
//! ENTRYPOINT ["app"]
//! ```
//!
//! The form with brackets matters: through a shell, SIGTERM does not reach the application. Give it
//! longer to end than `drain` (`docker stop -t 15`, `terminationGracePeriodSeconds`). One thread
//! holds connections for each processor that the container may use.
//!
//! # Behind nginx or Caddy
//! A web server in front of the hub, for TLS or several sites, must not gather what it passes on:
//!
//! ```text
//! location / {
//!     proxy_pass http://127.0.0.1:8080;
//!     proxy_http_version 1.1;
//!     proxy_set_header Host $host;
//!     proxy_set_header Upgrade $http_upgrade;
//!     proxy_set_header Connection $connection_upgrade;
//!     proxy_set_header X-Forwarded-For $remote_addr;
//!     proxy_set_header X-Forwarded-Proto $scheme;
//!     proxy_buffering off;
//!     proxy_read_timeout 75s;
//! }
//! # In http { }: a connection is upgraded where the client asks for it, and kept otherwise.
//! map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
//! ```
//!
//! ```text
//! app.example {
//!     reverse_proxy 127.0.0.1:8080 {
//!         flush_interval -1
//!     }
//! }
//! ```
//!
//! - What is idle is cut after `proxy_read_timeout`, so something has to come more often. The hub
//!   does that unasked: a ping to each WebSocket every 25 s (`ping_interval`), a comment to each event
//!   stream every 20 s. A long poll is answered by its `timeout`: set less than 75 s.
//! - `ws.keep_alive_interval` does not help: after that time the proxy asks the *application*, and the
//!   client hears nothing. Behind Pushpin, which sends no pings, `ws.keep_alive(…)` does, as it is sent
//!   to the client.
//! - Set `trust_forwarded` on the hub, and let nobody else reach its port. Otherwise the application
//!   sees the web server's address, which is what it should believe where clients can connect
//!   directly.
//! - Between hub and application no other server is needed. One that buffers there makes every hold
//!   late.
//!
//! # TLS
//! With its feature `tls` the hub takes certificate and key itself (`HubBuilder::tls`, `--tls-cert`
//! and `--tls-key`): no web server, one port, HTTP/2. Several are told apart by the name that a client
//! asks for. The program reads the files again every 10 s and on SIGHUP; an application calls
//! `Tls::replace`. Clients that are held stay.
//!
//! The control API has a certificate of its own (`--control-tls-cert`, `HubBuilder::control_tls`), which
//! publishers on other machines need: they send the key in `GRIP_URL` over plain HTTP to this machine
//! alone, unless `GRIP_ALLOW_INSECURE_CREDENTIALS=true` is set beside it.
//!
//! # Behind Pushpin
//! Clients connect to Pushpin (port 7999), Pushpin forwards to the application, and the
//! application publishes to Pushpin's control port (5561).
//!
//! ```text
//! # /etc/pushpin/routes
//! * 127.0.0.1:8080,over_http
//!
//! # /etc/pushpin/pushpin.conf
//! [proxy]
//! sig_iss=pushpin
//! sig_key=a-long-random-secret
//! [handler]
//! message_rate=1000000
//! message_hwm=1000000
//! id_cache_ttl=60
//! ```
//!
//! ```sh
//! GRIP_URL='http://127.0.0.1:5561/?verify-iss=pushpin&verify-key=a-long-random-secret'
//! ```
//!
//! - `over_http` turns WebSockets into `POST`s. Without it they are passed on as they are.
//! - As shipped, Pushpin delivers at most 2 500 messages a second in all and drops the rest in
//!   silence; the two settings above lift that.
//! - `id_cache_ttl` is what makes a retry harmless: an item that comes a second time within those
//!   seconds is dropped. It is in the configuration that Pushpin ships with, and without the line
//!   nothing is dropped.
//! - The secret that Pushpin ships with, `changeme`, is everybody's. Change it.
//! - Debian's zurl refuses origins on loopback: `deny=127.*,…` in `/etc/zurl.conf`.
//! - The control port has no authentication. Leave it on loopback.
//! - Pushpin from 1.37 on writes the head and the body of a request apart, and each turn of a
//!   WebSocket waits 40 ms in between until the head is acknowledged. `Hub::serve` acknowledges at
//!   once; without it that is `axum::serve(gripware_axum::QuickAck::new(listener), app)`, and
//!   `HttpServer::on_connect(gripware_actix::quick_ack)`, with the feature `quick-ack` of either.
//! - With several Pushpins, put all their URLs into `GRIP_URL`: each item goes to every one.
//!
//! # Behind Fastly Fanout
//! ```sh
//! GRIP_URL='https://api.fastly.com/service/SERVICE_ID?key=API_TOKEN'
//! ```
//! The public key is built in, and the issuer is `fastly:SERVICE_ID`. The origin needs a
//! certificate that the public trusts.
//!
//! # Around the application
//! - Nothing between proxy and origin may change a WebSocket answer: no charset added to its
//!   content type, no redirect, no 204 in place of 200.
//! - A reverse proxy between them must let `Grip-*`, `Meta-*`, `Set-Meta-*`, `Connection-Id` and
//!   `Keep-Alive-Interval` through, in both directions.
//! - Response holds are asked for twice: for its first subscriber Pushpin repeats the request about
//!   a second later, and any proxy does where something was missed. Handlers of holds must be
//!   idempotent, and must not invent a new channel each time.
