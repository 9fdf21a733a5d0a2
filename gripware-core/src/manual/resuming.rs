//! Resuming: what a client that comes back is given.
//!
//! # Where a client stands
//! A browser sends `Last-Event-ID` when an event stream was cut, with the `id:` of the last event
//! that it got. The extractor `LastEventId` of an adapter reads it, or the query parameter
//! `last-event-id` of what cannot set a header: the first `EventSource` of a page that was rendered
//! with a list, a polyfill, long-polling.
//!
//! A [`Recovery`](crate::Recovery) takes it, and the proxy's own `Grip-Last` before it. A handler
//! answers with what came after [`Recovery::after`](crate::Recovery::after), and holds from the last
//! of that on with [`Hold::stream_after`](crate::Hold::stream_after):
//!
//! ```
//! use gripware_core::{Hold, LastEventId, LastIds, Recovery, SseEvent};
//! use http::{HeaderMap, HeaderValue};
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("last-event-id", HeaderValue::from_static("1"));
//! let cursor = LastEventId::from_request(&headers, None);
//!
//! let stored = ["one", "two", "three"];
//! let recovery = Recovery::new(&LastIds::parse(&headers, ""), "news").or_cursor(cursor.id());
//! let seen: usize = recovery.after().and_then(|id| id.parse().ok()).unwrap_or(0);
//! let missed = stored.iter().zip(1..).skip(seen);
//! let missed: Result<String, _> = missed
//!     .map(|(text, id)| SseEvent::new().id(id.to_string()).data(*text).encode())
//!     .collect();
//! assert_eq!(missed?, "id: 2\ndata: two\n\nid: 3\ndata: three\n\n");
//! let hold = Hold::stream_after(&recovery, stored.len().to_string(), "/news");
//! assert!(hold.check(&Default::default()).is_ok());
//! # Ok::<(), gripware_core::ItemError>(())
//! ```
//!
//! An event has two ids: that of [`SseEvent::id`](crate::SseEvent::id) is what the browser sends
//! back, and that of [`Item::id`](crate::Item::id), with the previous one, is what the proxy compares.
//! Give both the same.
//!
//! # Ids
//! An id has to be the same for the same thing, and never again another's: the key of a row, an
//! offset in a log. A counter in memory begins anew with the program, and a client that comes back
//! with an id of before misses what has a lower one. Where there is nothing else, put the time of the
//! start before it.
//!
//! # What is missed, and what is not
//! | | while it is connected | while it is away |
//! |---|---|---|
//! | event stream with ids | nothing: gaps are found by `prev-id` and fetched | nothing, with `LastEventId` and a handler that has the past |
//! | long-polling with ids | nothing: the next request names its last id | the same |
//! | WebSocket | items are sent in order, and what is lost between publisher and proxy is not noticed | all of it: the page has to ask for what it missed when it is connected again |
//!
//! A WebSocket that comes back says what it has seen last, and its handler reads what came since and
//! subscribes. What is published between the two goes to nobody, unless the subscription names the last
//! id that was read (`ws.subscribe(channel.with_prev_id(id)?)`): where the channel has moved on by then,
//! the hub makes a turn without events at once, in which the handler reads again. Pushpin passes over
//! the id; there a `refresh` of the connection, published or by the command socket, does the same.
//! `gripware-state` does all of it in one call, `history.socket("room")?.subscribe(…)`, with
//! `History::refreshing` behind Pushpin.
//!
//! # Behind the servers people have
//! An event stream is sent with `Cache-Control: no-cache` and `X-Accel-Buffering: no`, unless the
//! handler sets them, so that an nginx with nothing but `proxy_pass` passes it on. An empty comment
//! every 20 s keeps it from being cut as idle. How long a browser waits before it connects again is
//! `retry:`, for which `SseEvents` of an adapter has a method: some seconds, and more where many
//! clients would come back at once.
//!
//! A WebSocket is kept alive by pings of the proxy to the client: those of the hub come often enough
//! for nginx and load balancers. The interval of
//! [`keep_alive_interval`](crate::ws::WebSocketContext::keep_alive_interval) is another thing:
//! after it the proxy asks the *application* whether there is something to send.
