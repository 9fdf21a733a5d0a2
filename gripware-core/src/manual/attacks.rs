//! What was tried against the hub, how often, and with what result.
//!
//! The [threat model](super::threat_model) says what is defended and how; this page says by which
//! tests. They run against the program as clients, publishers and applications reach it: over
//! sockets, mostly byte for byte. Each row is a command; all rows but the last ones are
//! `cargo nextest run -p gripware-interop --test attacks`, a few seconds in all.
//!
//! What arrives behind the hub is judged by an origin that reads as strictly as RFC 9112 allows and
//! keeps every request as it came. Each kind of attack has a control, a test of the detector: the
//! same attack without the hub in front is found, or the same request without what is wrong with it
//! is served.
//!
//! | attack | tried | result | `--test attacks …` |
//! |---|---|---|---|
//! | request smuggling, by the length: CL.TE, TE.CL, `Transfer-Encoding` and `Content-Length` in disguise, twice, folded, named by `Connection`; `Expect`, `h2c` | 49 shapes | 35 refused; 13 reach the origin as one request, framed anew, and one as the two requests that it is; with both headers the connection is closed after the answer | `of_two_ways_to_read` |
//! | request smuggling, by chunks: extensions, sizes past 64 bits, with signs and prefixes, bare line feeds, chunks without an end, trailers of framing | 17 shapes | 15 refused; 2 are one request | `chunks_that_are_none` |
//! | request smuggling, by lines: folding, bare CR and LF, NUL, spaces in names and targets, versions that are none, `TRACE`, `CONNECT` | 18 shapes | all refused | `lines_that_are_none` |
//! | disagreement about the host: absolute targets, `Host` missing, twice, as a list, with a user or a path, named by `Connection` | 10 shapes | 8 refused; the origin sees one host, that of the target before `Host` | `the_origin_sees_one_host` |
//! | HTTP/2 downgrade: lengths that are not the body's, headers of the connection, CR, LF and NUL in names, values and pseudo-headers, pseudo-headers twice, missing, late or unknown, spaces in `:path` and `:method` | 49 shapes | 46 refused; 3 are one request | `what_http_2_can_say` |
//! | a held request whose body the origin has not read, and a request behind it | 2 framings | the body is never a request, and what is pipelined is served after the hold | `the_body_of_a_held_request` |
//! | response splitting by published items: header names and values, reasons | 6 splits in 5 places | one answer, without the header | `an_item_adds_no_header` |
//! | response splitting by instructions of the application | 6 splits in 5 places | one answer, without the header | `an_instruction_adds_no_header` |
//! | header injection into later requests of a WebSocket, by `set-meta` | 6 splits in names and values | no header is added | `what_an_application_keeps` |
//! | forged `Grip-*`, `Meta-*`, `Connection-Id`, `Content-Bytes-*`, `X-Forwarded-*`, `X-Real-Ip`, `Client-Ip` and their kind, with `-`, `_`, `.` and `~`, in HTTP/1.1, in HTTP/2 and with WebSockets over either (RFC 8441) | 76 names in 4 ways | none reaches the origin | `forged_headers` |
//! | rapid reset | 100 000 streams on one connection | the connection is ended (`ENHANCE_YOUR_CALM`), fewer than 1 000 requests reach the origin | `rapid_reset` |
//! | CONTINUATION flood | 160 MB of headers; 10 000 000 empty frames | the connection is ended, less than 32 MiB are taken | `ends_the_connection` |
//! | HPACK bomb: one entry of 3.9 kB, named 12 000 times in each of 100 heads | 4.7 GB unpacked | refused, less than 32 MiB are taken | `a_head_that_unpacks` |
//! | floods of SETTINGS, PING, PRIORITY, WINDOW_UPDATE | 100 000 frames of each | the connection is ended (`ENHANCE_YOUR_CALM`) | `frames_that_ask_for_nothing` |
//! | HPACK that is none: indexes, integers, sizes and Huffman code | 7 blocks | the connection is ended | `what_hpack_cannot_unpack` |
//! | WebSocket frames: reserved bits and opcodes, no mask, control frames too long or in fragments, fragments out of order, close codes, UTF-8, lengths up to 2^64 - 1 and not minimal | 47 sequences | closed with 1002, 1007 or 1009, and no message reaches the origin | `websocket_frames` |
//! | CSRF and DNS rebinding at the control API without a key: `Origin`, `Sec-Fetch-Site`, names that point to loopback, in `Host` and in the target | 17 kinds of pages at 9 places | 403 or 405, nothing published and nothing read | `no_page_publishes` |
//! | guessed keys of the control API | 12 at 2 places | 401, and no key in the log | `no_other_one_publishes` |
//! | log injection: CR, LF, ANSI and C1 escapes in targets, headers, ids, channels, items, instructions, control messages | 7 requests, 7 items, 14 answers, 7 control messages | one line each, without a control character | `log_injection` |
//! | next links to other servers (SSRF): absolute, without a scheme, with users, backslashes, dot segments | 8 links that name another server, 6 that may seem to | none is asked but the origin | `next_links` |
//! | a stack overflow by a patch: a body of JSON that is moved into itself (124 kB) | 1 item, 360 operations | nobody gets it, the process and its clients live on | `an_item_that_nests` |
//! | a held client that has sent 60 000 bytes and leaves, by FIN or RST | 2 ends | it is no subscriber any more | `has_sent_much_and_gone` |
//! | slow readers of answers that are not held: HTTP/2 with a window of 0 | 250 streams on each of 4 connections, at a hub of 1024 files | another address is served meanwhile | `those_who_do_not_read_answers` |
//! | a flood of pings on a WebSocket that was detached, or sent a close | without an end | the others have their echoes | `pings_without_an_end` |
//! | response splitting by a status: published, and of the origin, from 100 to 199 | `Grip-Status`, codes, first answers | 400 for the item, 502 for the answer | `a_status_of_1xx` |
//! | slow loris at the control API: connections without the key | 600 | a publisher is let in | `idle_connections_to_the_control_port` |
//! | WebSocket events that a client posts itself, which the origin would take for the hub's | 4 spellings of the type | refused | `posts_websocket_events` |
//!
//! Towards the application, past any proxy:
//!
//! | attack | tried | result | command |
//! |---|---|---|---|
//! | forged signatures: other keys, issuers and algorithms, `none`, a public key as a shared secret, expired, changed, without a claim | 17 tokens at axum and actix, 3 kinds of keys | plain answers, no hold, 403 for WebSocket events | `cargo nextest run -p gripware-interop --test signatures` |
//!
//! Over time, for whoever has twenty minutes:
//!
//! | attack | tried | result | command |
//! |---|---|---|---|
//! | clients that come and go: by an end, a reset, in the middle of a frame or request, politely | 10 000 at a time under steady publishing | memory, open files, threads and gauges end where they were | `benches/compare --soak 20` |
//! | slow consumers whose queues are full | 10 among 1 000 | the others do not notice, each message that is not delivered is counted | `benches/compare --part stalled` |
//!
//! The last two need `cargo build --release -p gripware-cli -p gripware-benches`; their figures stand
//! in `benches/README.md`.
