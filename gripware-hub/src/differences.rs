//! Where the hub behaves otherwise than Pushpin, and why.
//!
//! The hub speaks Pushpin's protocol, and an application cannot tell which of the two is in front of
//! it, but for what is listed here. Each difference is meant. Tests play the same scenarios behind
//! both and compare what is on the wire, with Pushpin 1.36.
//!
//! Of what later versions brought the hub has gone links, `refresh`, `Content-Bytes-Accepted` and the
//! limit of five filters; of 2.0 it has not got `http-check` and `http-modify`, which let everything
//! pass, as filters of unknown names do. `Grip-Feature` says so: it has `link:gone`, and no `session`.
//! It has `subscribe:prev-id` as well, for the turn that a `subscribe` of an older id makes.
//!
//! # Holds
//! | Pushpin | the hub | because |
//! |---|---|---|
//! | asks again a second after a channel gets its first subscriber: a response hold's own request, a stream's next link | asks again only where something was published after what the origin knew: the channel's last id is another than the `prev-id` of the answer | the repeat is for brokers that take a moment to pass a subscription on; here items are published in the same process, and a subscription counts from its first moment |
//! | knows the last id of a channel as long as it has subscribers | remembers it for 60 s more ([`id_memory`](crate::HubBuilder::id_memory)), and that of an item that came while nobody followed the channel; of up to 4096 such channels in each of 64 maps | a long-poll that comes back is asked about what was published between two polls |
//! | one answer to a next link serves all whose path and last ids are equal | query and host have to be equal too | a token in a query would hand one client's data to another |
//! | asks for the next page at once where one is empty and does not hold | waits 0.1 s, and twice as long for each more in a row, up to 10 s | such pages would be a loop as fast as the origin |
//! | asks 10 next links a second, in all | as many at a time as [`max_origin_requests`](crate::HubBuilder::max_origin_requests) says | with 2000 streams messages came late |
//! | follows a link to another host, where a route leads there | takes it for no link | the hub has one origin, and no answer makes it ask anybody else |
//! | ends a response hold up to 1.2 s after its timeout, and sends keep-alives up to a second early | both at the time | |
//! | sends keep-alives to whoever is held | leaves one out while the client has not read what is there | it has something to read |
//! | holds the `HEAD` of a stream | answers it | nothing could be appended |
//! | ends a stream with a previous id and no next link with a text, where `debug=true` | the same with [`development`](crate::HubBuilder::development); and the reason for whatever is refused is in the log | a 502 that says nothing is what users ask about most |
//! | explains few faults of an instruction, even then | names what is wrong, and with what | |
//! | refuses an instruction in a body that has neither a hold nor a response | gives the client an empty answer | each of the two may be left out |
//! | asks a gone link when the client goes | asks a stream's also when the stream is ended by an item or by the hub | whoever counts clients by it would count them for ever |
//! | `Grip-Session-Id`, `Grip-Session-Detect` | removed, and no more | sessions need a server of their own |
//! | a header in an `application/grip-instruct` may have CR and LF | 502 | one header would become two |
//! | drops the channels over its limit of 20 in silence | refuses the answer: 502, the end of a stream, a close with 1011; the limit is [`max_channels`](crate::HubBuilder::max_channels) | who follows half of what was asked for does not know what is missing |
//! | holds a request with a body of 100 000 bytes | of 1 MiB ([`max_held_request`](crate::HubBuilder::max_held_request)) | a refusal comes after the handler has done its work |
//! | holds a request whatever its head is | 431 where target and headers have over 16 KiB ([`max_held_head`](crate::HubBuilder::max_held_head)) | they are kept, and sent with each event of a WebSocket |
//! | a patch of any size | up to 1000 operations, and a result of 1 000 000 bytes | a small item could fill the memory |
//!
//! # WebSockets
//! | Pushpin | the hub | because |
//! |---|---|---|
//! | compares `application/websocket-events` byte for byte | its essence: without case and parameters | frameworks add a charset by themselves, and the client was dropped for it |
//! | gives close codes to clients as they are; libraries send 0 where they mean none | one that must not be on the wire becomes 1000 | browsers fail on it |
//! | drops the client without a close where the origin fails after `OPEN` | closes with 1011 | the client learns that it was not the network |
//! | tells the origin at once, without a code, that a client has closed whom an item closes | tells it how the client answers, as after a close of the origin's own | whoever counts clients by their ends needs the end, and its code |
//! | drops the client without a close where the origin does not answer its close | answers with the client's own code | the client has done nothing wrong |
//! | takes an answer that is cut off in the middle of an event | closes with 1011, or 502 at the opening | half a message is a wrong one |
//! | skips an event of a type that does not exist | refuses the answer likewise | a body that is half understood is better refused |
//! | ends the connection when some 200 000 bytes wait for the origin | does not read from it until the origin has caught up; one message may have [`max_message`](crate::HubBuilder::max_message), and a larger one is closed with 1009 | nothing that was sent is lost, unless the client leaves before the origin has caught up: that is noticed within a second |
//! | stalls on messages above some 16 kB to the client (until 1.38) | sends them, in one frame | |
//! | compresses no messages | compresses them for clients that offer it, where [`permessage_deflate`](crate::HubBuilder::permessage_deflate) is set | text becomes a fraction of its length, and an item is compressed once for all |
//! | passes a text on that is not UTF-8 | closes with 1011; in an item it is a 400 | the client would fail and blame the proxy |
//! | passes a subprotocol on that the client has not offered | 502 | the client would fail the handshake |
//! | leaves the pings of a detached client without an answer | answers them; of many that wait, the latest | nobody else would, and clients give up; a flood of them is no reason for a queue of pongs |
//! | keeps a message that a client has begun for as long as the connection | closes with 1008 where nothing comes of it for 60 s ([`message_timeout`](crate::HubBuilder::message_timeout)) | half a message of each of many clients would fill the memory |
//! | sends the events of WebSockets in the order in which they come | has so many of one client address under way ([`max_turns_per_address`](crate::HubBuilder::max_turns_per_address)), and addresses take turns | one client with many WebSockets on a slow handler would let all others wait |
//! | does not notice a client that vanishes without an end | pings WebSockets every 25 s and waits 20 s for the pong ([`ping_interval`](crate::HubBuilder::ping_interval), [`pong_timeout`](crate::HubBuilder::pong_timeout)), keeps its pongs to itself, and tells the application by `DISCONNECT`; with TCP's keep-alive and user timeout it gives up any client ([`tcp_keep_alive`](crate::HubBuilder::tcp_keep_alive), [`tcp_user_timeout`](crate::HubBuilder::tcp_user_timeout)) | a phone that has lost its network would stay for ever, and be polled about |
//! | passes over `prev-id` of a `subscribe` | makes a turn without events at once where the channel's last id is another | what is published between the handler's reading and the subscription goes to nobody |
//! | polls idle WebSockets every 20 s at most | the same, and [`min_keep_alive_interval`](crate::HubBuilder::min_keep_alive_interval) lowers it | a lost client is noticed earlier |
//!
//! # Items
//! | Pushpin | the hub | because |
//! |---|---|---|
//! | drops what is over 2500 deliveries a second or 25 000 waiting items | lets whoever publishes wait, until there is room ([`backlog_bytes`](crate::HubBuilder::backlog_bytes)) | nothing that was accepted is dropped |
//! | drops what is over 100 items for a client that does not read | has room for 1 MiB and 10 000, and then disconnects it, or drops and counts ([`SlowClients`](crate::SlowClients)) | who has missed something should know |
//! | drops an item where 100 wait for an earlier one | gives up the gap: the one that has waited longest goes on | |
//! | drops an id that comes again where `id_cache_ttl` is set | always, for [`id_memory`](crate::HubBuilder::id_memory) and up to 10 000 ids in a channel | a retry is harmless without a setting |
//! | passes on a status below 200, a close code that must not be sent, CR and LF in a header, a ping over 125 bytes | 400 | clients fail on it, and one header would become two |
//! | reads the escape of a lone surrogate in JSON as `?` | as U+FFFD | it is what stands for a character that is lost |
//! | applies a patch of any length, to any depth | of at most 1 000 operations and 1 000 000 bytes, to a depth of 127 ([`patch`](gripware_core::proxy::patch)); otherwise the client gets a 502 | a small item could end the process |
//! | takes an item for a channel without a name, and a code that is no integer | 400 | nobody is subscribed to such a channel, and such a code is a mistake |
//! | fails to fill in a meta that is empty, or the id of a channel on which nothing came | fills in nothing | it is what there is |
//! | lets a filter make a content of any length | at most 1 000 000 bytes longer, or it is not delivered | a small item could fill the memory |
//! | ends a stream with an error where a filter cannot be applied to an item | leaves the item out | one wrong item is no reason to lose a client |
//!
//! # The control API
//! | Pushpin | the hub | because |
//! |---|---|---|
//! | closes the connection after each answer, and needs a `Content-Length` | keeps it, and takes chunked bodies | a publisher saves a handshake for each item |
//! | has no authentication | asks for a key where one is set; where none is, it refuses the requests of pages in browsers | a page from anywhere can reach a port on the loopback interface |
//! | takes a body of 1 000 000 bytes | of 16 MiB ([`max_item`](crate::HubBuilder::max_item)), and says how long a longer one is | an item has the same limit in memory and over HTTP |
//! | serves the connections that come first | has 256, and no connection without the key keeps out one that has it: the oldest unknown one gets 503 with `Retry-After` | silent connections would keep publishers out |
//! | does not say whether anybody was there | `Grip-Subscribers` says how many | |
//! | has ZeroMQ on further ports | has none | |
//!
//! # In front of clients
//! | Pushpin | the hub | because |
//! |---|---|---|
//! | asks for compressed answers in its own name, and decompresses them all; adds an `Accept` where the client has none | sends the client's `Accept` and `Accept-Encoding`, and decompresses what is an instruction | what passes compressed costs neither side anything; what is published later could not be appended to a compressed body |
//! | says nothing of who asks, as shipped, and passes on what clients say of it | sets `X-Forwarded-For` and `X-Forwarded-Proto`, and removes what clients say in those and some 25 others such as `True-Client-Ip`, or passes it on with [`trust_forwarded`](crate::HubBuilder::trust_forwarded) | an application needs the address, and anybody can write one |
//! | passes on a client's `Meta_User`, `Grip.Sig` | removes whatever is `Meta-User` or `Grip-Sig` to an application that joins names by other characters | PHP, CGI and WSGI take `_`, and PHP also `.`, for `-` |
//! | passes on `application/websocket-events` of a client | 403 | the origin would take it for a turn of a WebSocket, signed as it is |
//! | passes on a path that leaves the base of a route by dot segments | 400, in every spelling | whatever is beside the base is not for clients |
//! | takes escapes out of a target that need not be there | leaves the target as it is | a signature over it is not the proxy's to break |
//! | leaves empty headers and `Content-Encoding` out, and passes `TE` on | leaves out what is about the connection, and of `TE` all but `trailers`, and keeps these two | the rest is the origin's to know |
//! | offers the extension `grip` on a native WebSocket, and none of the client's | offers it behind the client's; an application that takes both is asked once more with `grip` alone | an application's own WebSockets go on compressing |
//! | passes fragments on in a native WebSocket, looks for the prefix in the first, and leaves out what a ping says | puts messages together, up to 1 000 000 bytes, and passes pings on as they are | a prefix in two fragments is one |
//! | passes a client's `Meta-` headers on to an application that speaks WebSocket itself | removes them | they are the proxy's to say |
//! | gives a client whose native handshake is refused the status and the body | the headers as well | a redirect or a challenge is nothing without them |
//! | may lose what the application has said on its own WebSocket just before its close | delivers it first | |
//! | answers the close of a client whose application has detached from its own WebSocket with 1000 | with the client's own code | it is the answer that the protocol has |
//! | tells the application's own WebSocket of an item's close at once, without its code | tells it the client's answer | an application sees one kind of end, by events and by frames |
//! | leaves a client without a close whose close the application does not answer | answers it after 10 s | the client knows that it has ended |
//! | has the kind of WebSocket in its routes (`over_http`) | asks the application, where that is in its process or in front of it: by `Grip-Offer: websocket-events` on the handshake | an application's own WebSockets work as without a hub |
//! | speaks HTTP/1.1 | and HTTP/2, on the same port, with WebSockets (RFC 8441) | a browser has six connections for HTTP/1.1, which six streams use up |
//! | cuts held clients off when it ends | ends streams, closes WebSockets with 1001, gives response holds what was stored | a client that is told comes back at once |
//! | takes the most specific line of its routes, and trusts proxies (`upstream_key`) | takes the first [route](crate::Routes) that fits, and trusts none | the order of lines says what counts |
