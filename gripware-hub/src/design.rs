//! How the hub is built, what else was tried, and what each choice costs.
//!
//! Every choice was made on figures of prototypes, small programs that do one thing in two or more
//! ways. The alternatives took turns in one run, and what stands here is the median of several
//! rounds, on two cores of an AMD EPYC that other programs used too, with Rust 1.95, tokio 1.54
//! and hyper 1.12. Such a machine says little by absolute times: read the ratios. Clients were a
//! process of their own on loopback; processor time is the server's alone.
//!
//! # What an idle connection keeps
//! Most of the connections that a proxy holds do nothing most of the time. Each of 10 000 sent a
//! request, got the head of a stream, and was left alone.
//!
//! | what holds it | resident bytes each | allocated bytes each |
//! |---|---:|---:|
//! | hyper, with a body that has no frame yet | 9 820 | 17 710 |
//! | a task that waits for `readable()` on the bare socket | 1 050 | 750 |
//! | no task: `poll_read_ready` with a waker of our own | 490 | 380 |
//! | epoll without tokio | 26 | 9 |
//!
//! **Decision:** a held connection leaves hyper and becomes a socket with one small task on a
//! current-thread runtime. Buffers belong to the thread, not to the connection.
//!
//! **Cost:** we write the rest of the response ourselves, and 560 bytes a connection more than
//! without tasks. A task waits for the socket to be readable and writable, and for its timers, in
//! ten lines that a reader can follow; wakers of our own would be a small executor to maintain.
//! Going without tokio's reactor would save the rest, and would mean a second way of doing every
//! operation on a socket, beside the one for TLS and HTTP/2. The target, 2 KiB, leaves room for
//! the state of a hold, its queue and its subscriptions.
//!
//! # How a held connection leaves hyper
//! The service knows that a request is to be held only when it has the application's answer. It
//! then leaves a note for whoever polls hyper's connection, and stays pending. The poller sees the
//! note after the poll, and takes the connection apart with `into_parts`. Tried with hyper 1.12:
//!
//! | what the client sent | what came out |
//! |---|---|
//! | a request that is held | the socket, no bytes; the service and its future are dropped |
//! | the same, and a second request behind it | the socket, and the second request whole as bytes read ahead |
//! | a plain request, a held one, a third, in one write | the first answered; the third read ahead |
//! | a request answered by 8 MiB that the client reads late, then a held one | all 8 MiB, then what we wrote: hyper begins the second request when the first answer has been flushed |
//! | the same three with `pipeline_flush(true)` | **the first answer is lost**: hyper keeps it back while it has bytes to read, and `into_parts` drops it |
//! | a held request with a chunked body that nobody has read | **the rest of the body as bytes read ahead**: `\r\n0\r\n\r\n` |
//! | a held request with a body of known length that nobody has read | the body is lost in hyper's own queue |
//! | a held request with `Expect: 100-continue` and an unread body | the body arrives, if at all, where the next request is expected |
//! | a second request behind a pending one, then the client leaves | **not noticed**: hyper stops reading while it has bytes that it cannot use yet |
//!
//! **Decision:** a connection leaves hyper by `into_parts`, under four rules. `pipeline_flush` is
//! never set. The body of a request is read to its end before the hold begins: what is left of
//! it would be taken for the next request, which is the way of request smuggling; where it cannot
//! be read to its end, the connection is closed after the hold. The connection is not taken
//! before the last thing hyper did to the socket is a flush that succeeded. And the bytes read
//! ahead are copied where there are any, as they are a slice of hyper's whole buffer.
//!
//! The same is true of whatever else is kept: the path of a request, the values of its headers, and
//! those of the origin's response are slices of the buffer that hyper read them into, 8 KiB, which
//! stays for as long as the smallest of them. A hub that kept the path alone as it came took
//! 14.4 KiB for a stream, and 3.0 KiB with the path copied.
//!
//! **Cost:** what hyper does about a response is ours to do: `Date`, framing, `Connection` for
//! HTTP/1.0, the end of keep-alive. A client that pipelines and leaves is noticed when its
//! connection has left hyper, not before.
//!
//! # Handing a socket from one runtime to another
//! A socket is registered with the runtime that accepted it, and has to be registered anew where
//! it is held. A response hold does that twice, there and back.
//!
//! | | wall time | processor time |
//! |---|---:|---:|
//! | leave one runtime and enter another (`into_std`, `from_std`), on one thread | | 2.0 µs |
//! | there and back, one at a time: two threads wake one another | 48 µs | 35 µs |
//! | there and back, 2 000 under way at once | 2.6 µs | 4.7 µs |
//!
//! **Decision:** sockets move. Handlers, and the requests that they answer, stay on the runtime of the
//! caller, where a slow one delays no fan-out, and holds live on the hub's own threads.
//!
//! **Cost:** 5 µs of processor time for a long-poll, beside an origin request that costs ten times
//! that. A connection that is the only one under way waits 25 µs for each thread to wake up. One
//! thing to know: a socket that has just been registered refuses its first `try_write` with
//! `WouldBlock`, until the reactor has once been asked. Who takes that for a full socket loses
//! nothing, but has to wait for `writable()` rather than count the client as slow.
//!
//! # Where the clients of an application elsewhere are served
//! In front of an address no handler runs in this process. Eight clients ask at once, the origin is a
//! process of its own; system calls of the program for each request (strace), before and after their
//! connections, and those to the origin, were tasks of the threads that hold.
//!
//! | | a runtime that threads share | a runtime for each thread |
//! |---|---:|---:|
//! | reads and writes of sockets | 4 | 4 |
//! | waiting and waking between threads (`futex`, `eventfd`) | 3.0 | 0 |
//!
//! The same is true of a message of a WebSocket that the application answers: four, and no waking.
//!
//! **Decision:** a client is a task of one of the hub's threads from the first byte on, in turn. Its
//! connection to the origin is opened by that thread, kept by it, and driven by whoever waits for the
//! answer; a hold that comes of it is that thread's too.
//!
//! **Cost:** a socket is accepted on the runtime of the caller and moves, 2 µs a connection. While a
//! thread fans out, plain requests on it wait as its holds do. A service that routes name has a runtime
//! of its own, and is called there.
//!
//! # How connections spread over cores
//! The hub as it is, once with one thread for held connections and once with two, on two cores that
//! the clients used as well; two runs by turns.
//!
//! | WebSockets | one thread | two threads |
//! |---|---:|---:|
//! | one message to 1 000: time to the last receipt | 16 to 18 ms | 10 ms |
//! | one message to 5 000: time to the last receipt | 59 to 64 ms | 45 to 50 ms |
//! | the same: processor time each | 8.5 to 8.9 µs | 11 to 12 µs |
//! | 1 000 of them, deliveries a second | 26 000 000 to 44 000 000 | 39 000 000 to 40 000 000 |
//! | held per second | 11 400 to 13 200 | 10 500 to 11 700 |
//!
//! **Decision:** a thread for each core, and clients are given to them in turn when they are held.
//! The alternative, a listener for each thread (`SO_REUSEPORT`) that serves its clients from the
//! first byte to the last, would spare the move from one runtime to the other, and would run the
//! application's handlers on the threads that fan out.
//!
//! **Cost:** the kernel's work on two threads costs a third more processor time a message than on
//! one. Clients in turn are spread evenly by number, and not by how much each of them gets.
//!
//! # How one message reaches many connections
//! 100 bytes to each of 5 000 connections.
//!
//! | | processor time each | beside the bare loop | time to the last receipt, beside the bare loop |
//! |---|---:|---:|---:|
//! | a loop of blocking writes, one thread | 7.2 to 10 µs | 1 | 1 |
//! | a channel and a task for each connection, two workers | 8.4 to 10.6 µs | 0.91 to 1.15 | 0.51 to 0.83 |
//! | the loop calls `try_write` itself, two threads | 7.7 to 9.0 µs | 0.86 to 1.08 | 0.59 to 0.93 |
//!
//! The ranges are those of three runs, as the machine was more or less busy. They overlap: one
//! small write to a socket costs the kernel so much that nothing beside it is seen.
//!
//! **Decision:** the thread that fans out writes to the sockets itself. It is never slower than
//! tasks, needs no queue and no wake-up where a socket has room, and leaves the choice of what goes
//! into one write to the thread, which the next section is about. A connection's task writes only
//! after the socket was full.
//!
//! **Cost:** while a thread fans out, its other connections wait: 5 000 writes are 20 ms on each of
//! two threads.
//!
//! # How many messages reach many connections
//! 1 000 connections on two threads, messages of 100 bytes as fast as they are taken, none lost.
//! Each thread takes what has arrived, up to 1 024 messages, and then writes.
//!
//! | | deliveries a second | | processor time each | |
//! |---|---:|---:|---:|---:|
//! | one write for each message | 370 000 to 640 000 | 1 | 2 300 to 2 530 ns | 1 |
//! | what is queued for a connection in one vectored write of up to 64 parts | 9 300 000 to 9 800 000 | 19 x | 150 ns | 1 / 15 |
//! | a run of messages joined once, the same bytes queued for all | 45 000 000 to 51 000 000 | 95 to 124 x | 24 ns | 1 / 100 |
//!
//! **Decision:** both. A run of messages for one channel, the same for each of its subscribers, is
//! joined once. What is still queued for a connection goes out by vectored writes.
//!
//! **Cost:** joining copies each message once for a thread, not for a connection. A run that a slow
//! client has not read yet stays in memory whole, shared by all who wait for it, and each of them
//! is charged for it. Messages that differ from one subscriber to the next (filters, sequence gaps,
//! variables) are queued one by one, and get the second line's figures.
//!
//! # Who reads and writes the frames of a WebSocket
//! What tungstenite 0.29, the usual library, does by its documentation and its code.
//!
//! | | a library's socket | the hub |
//! |---|---|---|
//! | an idle WebSocket keeps | a read buffer allocated at once: 128 KiB, or the 4 KiB that it proposes for many connections | no buffer; the thread has one |
//! | a message to 1 000 clients is framed | 1 000 times, into the buffer of each | once, and all have the same bytes (the table above) |
//!
//! **Decision:** frames are read and written here. The 4 KiB alone are twice the target for an idle
//! connection, and a run of messages can be joined once only where it is frames already.
//!
//! **Cost:** RFC 6455 is ours to get right: 800 lines beside their tests and a fuzz target.
//!
//! # Where a subscription lives
//! Names of 17 bytes, one subscription each, half of them on either thread. Publishing looks the
//! name up and takes the list of subscribers; nothing is written to a socket.
//!
//! | | bytes for a subscription | publish, 1 000 channels | two threads at once | publish, 1 000 000 channels | two threads at once |
//! |---|---:|---:|---:|---:|---:|
//! | one map behind one mutex | 247 | 38 ns | 85 to 280 ns | 556 ns | 970 ns |
//! | 64 maps, each behind a mutex, for order and counts; a map for each thread with the subscribers | 218 | 65 ns | 79 ns | 960 ns | 957 ns |
//!
//! In bytes: the maps, the name, and the connection's own list of what it is subscribed to. In the
//! first line the connection has a copy of the name; in the second all three share one. The time
//! of two threads is processor time of each.
//!
//! **Decision:** 64 mutexes and a map for each thread. A lock is held to put an item in order, and
//! never while subscribers are walked: their lists belong to one thread.
//!
//! **Cost:** two look-ups instead of one. With a million channels each is a miss in the processor's
//! caches, which is all that the number of channels does to the price of a publish; under 1 µs,
//! where one delivery takes 8. Subscribing and unsubscribing take a mutex, for the counts.
//!
//! # What threads share of an item
//! Two threads put one message into 5 000 queues each and take it out again; processor time for
//! each queue.
//!
//! | | | beside one thread alone |
//! |---|---:|---:|
//! | one thread alone, clones of one `Bytes` | 17 ns | 1 |
//! | two threads, clones of one `Bytes` | 35 ns | 2.0 |
//! | two threads, each with a copy of its own | 18 ns | 1.02 |
//! | two threads, each with an `Rc<[u8]>` | 2.7 ns | 0.15 |
//!
//! The count of a shared buffer's owners moves from core to core with every clone.
//!
//! **Decision:** an item is encoded once for each kind of client. A thread joins a run of items, be
//! it a run of one, into bytes of its own, which all of its connections share. An item of more than
//! 16 KiB stays shared between the threads: there the copy would cost more than the count. `Bytes`
//! rather than `Rc`, because the queues also hold slices of a response and of a frame.
//!
//! **Cost:** one copy of a small item for each thread.
//!
//! # What a burst of connections leaves behind
//! Seven bursts of 3 000 connections, each with a head of 30 kB; resident memory of the release
//! program before the first and after the last, when every descriptor was closed again.
//!
//! | allocator | heads | before | after |
//! |---|---|---:|---:|
//! | glibc | not finished | 8.7 MB | 225 MB |
//! | glibc, `MALLOC_ARENA_MAX=1` | not finished | 8.4 MB | 226 MB |
//! | glibc | finished | 8.3 MB | 101 MB |
//! | glibc, `MALLOC_ARENA_MAX=1` | finished | 8.3 MB | 99 MB |
//! | mimalloc, five bursts | not finished | 16.5 MB | 203 MB |
//! | mimalloc that purges at once, two bursts | not finished | 16.5 MB | 52 MB |
//! | glibc, two bursts | not finished | 8.3 MB | 189 MB |
//!
//! **Decision:** the program keeps the system's allocator. What stays is free memory of the
//! allocator, which the next burst uses again: it does not grow from burst to burst, and no
//! connection, buffer or channel of the hub is left.
//!
//! **Cost:** a program that has seen a crowd keeps the pages of the largest one. mimalloc gives back
//! more only where it purges at once, whose price in deliveries a second is not measured yet.
