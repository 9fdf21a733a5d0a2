//! What is not as it was with gripware around an application, and why. A test names which of them it
//! has to find, and each has to be there.

use crate::Difference;

const fn of(
    steps: &'static [&'static str],
    without: &'static [&'static str],
    with: &'static [&'static str],
    why: &'static str,
) -> Difference {
    Difference {
        steps,
        without,
        with,
        why,
    }
}

/// What a GRIP proxy tells the application.
pub const SIGNED: Difference = of(
    &[],
    &[],
    &[
        "| grip-feature: status, link:next, link:gone, filter:skip-self, filter:skip-users, \
         filter:require-sub, filter:build-id, filter:var-subst, subscribe:prev-id",
        "| grip-sig: ...",
    ],
    "an application that holds checks who asks it, and for what",
);

/// The client's address and scheme as headers.
pub const FORWARDED: Difference = of(
    &[],
    &[],
    &["| x-forwarded-for: 127.9.9.9", "| x-forwarded-proto: http"],
    "nobody else can tell an application behind an address",
);

/// The same, to an application that shows it beside the address of the connection.
pub const TOLD: Difference = of(
    &["an address"],
    &["| told nothing"],
    &["| told 127.9.9.9"],
    "nobody else can tell an application behind an address",
);

/// The address of the connection, where the hub makes one.
pub const FROM_HUB: Difference = of(
    &["an address"],
    &["| from CLIENT"],
    &["| from PROXY"],
    "the application's own server sees who connects to it, which is the hub",
);

/// The same as actix-web tells it, beside the client's real one, which stays.
pub const BY_HUB: Difference = of(
    &["an address"],
    &["| by 127.9.9.9"],
    &["| by 127.0.0.1"],
    "the application's own server sees who connects to it, which is the hub",
);

/// A client that closes its sending side.
pub const HALF_CLOSED: Difference = of(
    &["a client that has said all"],
    &[],
    &[
        "HTTP/1.1 200 OK",
        "content-length: that of the body",
        "content-type: text/plain; charset=utf-8",
        "date: ...",
        "| slow",
    ],
    "the hub answers it, and the application's own server does not",
);

/// `Connection`, as the application gets it.
pub const CONNECTION: Difference = of(
    &[
        "an upload in chunks",
        "a target with its host",
        "white space around values",
        "a body that waits for 100",
    ],
    &["| connection: close"],
    &[],
    "it is about the client's connection",
);

/// `Expect`, as the application gets it.
pub const EXPECT: Difference = of(
    &["a body that waits for 100"],
    &["| expect: 100-continue"],
    &[],
    "the hub has answered it",
);

/// How a body comes.
pub const CHUNKS: Difference = of(
    &["an upload in chunks"],
    &["| transfer-encoding: chunked"],
    &[],
    "it is about the client's connection",
);

/// A target with a host, as the application gets it.
pub const TARGET: Difference = of(
    &["a target with its host"],
    &["| GET http://SITE/echo?a HTTP/1.1"],
    &["| GET /echo?a HTTP/1.1"],
    "a host in the target stands for the header (RFC 9112, section 3.2.2)",
);

/// Targets of HTTP/2, which have a host.
pub const HTTP2_TARGETS: Difference = of(
    &[],
    &[
        "| GET http://SITE/echo/%7Ea%2Fb/./../c//d;e=f?q=%20+x&empty=&%C3%A9 HTTP/2.0",
        "| PUT http://SITE/echo HTTP/2.0",
        "| PATCH http://SITE/echo HTTP/2.0",
        "| DELETE http://SITE/echo HTTP/2.0",
        "| OPTIONS http://SITE/echo HTTP/2.0",
        "| PROPFIND http://SITE/echo HTTP/2.0",
        "| POST http://SITE/echo HTTP/2.0",
    ],
    &["| host: SITE"],
    "the host comes as a header, as with HTTP/1.1",
);

/// They still are of HTTP/2 within the process.
pub const HTTP2_TARGETS_WITHIN: Difference = of(
    &[],
    &[],
    &[
        "| GET /echo/%7Ea%2Fb/./../c//d;e=f?q=%20+x&empty=&%C3%A9 HTTP/2.0",
        "| PUT /echo HTTP/2.0",
        "| PATCH /echo HTTP/2.0",
        "| DELETE /echo HTTP/2.0",
        "| OPTIONS /echo HTTP/2.0",
        "| PROPFIND /echo HTTP/2.0",
        "| POST /echo HTTP/2.0",
    ],
    "the host comes as a header, as with HTTP/1.1",
);

/// To an address they are of HTTP/1.1.
pub const HTTP2_TARGETS_ELSEWHERE: Difference = of(
    &[],
    &[],
    &[
        "| GET /echo/%7Ea%2Fb/./../c//d;e=f?q=%20+x&empty=&%C3%A9 HTTP/1.1",
        "| PUT /echo HTTP/1.1",
        "| PATCH /echo HTTP/1.1",
        "| DELETE /echo HTTP/1.1",
        "| OPTIONS /echo HTTP/1.1",
        "| PROPFIND /echo HTTP/1.1",
        "| POST /echo HTTP/1.1",
    ],
    "the hub speaks HTTP/1.1 to an address",
);

/// A redirect that `ServeDir` makes of the target.
pub const HTTP2_FOLDER: Difference = of(
    &["a folder"],
    &["location: http://SITE/folder/"],
    &["location: /folder/"],
    "the target has no host, as with HTTP/1.1",
);

/// The refusal of a WebSocket over HTTP/2.
pub const HTTP2_REFUSAL: Difference = of(
    &["a WebSocket that is nowhere"],
    &[],
    &["content-length: that of the body"],
    "it is that of a GET",
);

/// The length of an empty answer.
pub const HTTP2_EMPTY: Difference = of(
    &[
        "no page",
        "a range behind the end",
        "a range that is none",
        "a folder",
        "no file",
        "a way out",
    ],
    &[],
    &["content-length: that of the body"],
    "the application's own server says it in HTTP/1.1",
);

/// The length of what has none.
pub const HTTP2_NO_CONTENT: Difference = of(
    &["no content"],
    &["content-length: that of the body"],
    &[],
    "the application's own server does not say it in HTTP/1.1",
);

/// How an answer to HTTP/1.0 begins. That its connection ends goes without saying.
pub const HTTP_1_0: Difference = of(
    &["HTTP/1.0", "HTTP/1.0 that stays"],
    &["HTTP/1.1 200 OK", "connection: close"],
    &["HTTP/1.0 200 OK"],
    "the hub answers in the client's version",
);
