/// What a hub does in another way than Pushpin, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is about.
    pub about: &'static str,
    /// What a Pushpin of Debian does.
    pub pushpin: &'static str,
    /// What the hub does.
    pub hub: &'static str,
    /// Why.
    pub why: &'static str,
}

macro_rules! differences {
    ($($constant:ident { about: $about:literal, pushpin: $pushpin:literal, hub: $hub:literal, why: $why:literal, })*) => {
        $(
            impl Difference {
                #[doc = $about]
                pub const $constant: Self = Self {
                    about: $about,
                    pushpin: $pushpin,
                    hub: $hub,
                    why: $why,
                };
            }
        )*

        /// Every one of them.
        pub const DIFFERENCES: &[Difference] = &[$(Difference::$constant,)*];
    };
}

differences! {
    FIRST_SUBSCRIBER_REPEAT {
        about: "the first response hold on a channel",
        pushpin: "about a second later the request goes to the origin once more",
        hub: "it does not",
        why: "the repeat closes a gap between Pushpin's programs, and a hub has no such gap",
    }
    FEATURES {
        about: "what a proxy says it can do",
        pushpin: "`session` is in the list, and `link:gone` before 1.41 is not",
        hub: "`link:gone` and `subscribe:prev-id` are in the list, and `session` is not",
        why: "the hub has no sessions, which no library offers, obeys gone links, and makes a turn for a \
              subscription from an older id",
    }
    ACCEPT {
        about: "what the origin is told of what the client reads",
        pushpin: "its HTTP worker asks for compressed bodies, and for any media type where the client \
                  does not say",
        hub: "the client's `Accept` and `Accept-Encoding` alone",
        why: "an answer that is no instruction reaches the client compressed",
    }
    LONG_MESSAGES {
        about: "messages to WebSockets of more than 16 kB",
        pushpin: "before 1.38 it stalls on some of them",
        hub: "they arrive",
        why: "the stall is a fault",
    }
    HTTP_2 {
        about: "HTTP/2",
        pushpin: "clients cannot speak it",
        hub: "they can, on the same port",
        why: "a browser has six connections for HTTP/1.1 and one origin, which six streams use up",
    }
    TOO_MANY_CHANNELS {
        about: "more channels for one connection than the limit",
        pushpin: "those over it are not followed, and nobody is told",
        hub: "the answer is refused",
        why: "a client that misses a channel in silence is worse off than one that is refused",
    }
    FORWARDED {
        about: "who asks, as the origin is told",
        pushpin: "nothing is told, as shipped",
        hub: "`X-Forwarded-For` and `X-Forwarded-Proto`",
        why: "an application needs the client's address, and nobody else knows it",
    }
    ESCAPES {
        about: "escapes in a request's target that need not be",
        pushpin: "they are taken away",
        hub: "the target reaches the origin as it is",
        why: "a signature over the target is not ours to break",
    }
    CLIENT_HEADERS {
        about: "headers of a client's request",
        pushpin: "empty ones and `Content-Encoding` are left out, and `TE` goes to the origin",
        hub: "only what is about the connection is left out, and of `TE` all but `trailers`",
        why: "the rest is the origin's to know",
    }
    NO_RESPONSE {
        about: "an instruction in a body that has neither a hold nor a response",
        pushpin: "it is refused",
        hub: "it is an empty answer",
        why: "each of the two may be left out",
    }
    ITEMS {
        about: "what an item may have",
        pushpin: "a channel without a name is accepted, and codes and contents that a client fails on",
        hub: "they are refused",
        why: "it is the publisher who can do something about it",
    }
    REASONS {
        about: "the words with which a fault of the origin is explained in development",
        pushpin: "few, or none",
        hub: "what is wrong, and with what",
        why: "it is what one looks for",
    }
    EVENTS_TYPE {
        about: "the media type of an answer that accepts a WebSocket",
        pushpin: "with a parameter, such as a charset, it is no acceptance",
        hub: "parameters do not matter",
        why: "frameworks add them, and the client is then told nothing of use",
    }
    UNKNOWN_EVENTS {
        about: "an event of a type that does not exist, in an answer for a WebSocket",
        pushpin: "it is skipped",
        hub: "the answer is refused",
        why: "a body that is half understood is better refused",
    }
    FILTER_FAILURES {
        about: "an item that a filter cannot be applied to",
        pushpin: "the client's stream ends with an error in it",
        hub: "the item is left out",
        why: "one item that is wrong is no reason to lose the client",
    }
    EMPTY_VALUES {
        about: "meta without a value, and the last id of a channel that has none yet",
        pushpin: "a filter that asks for it fails, which ends the client's stream",
        hub: "it is the empty text",
        why: "an application that sets an empty value means it",
    }
    CLOSE_CODES {
        about: "close codes that must not be on the wire",
        pushpin: "they go to the client as they are",
        hub: "they become 1000",
        why: "libraries send 0 where they mean none, and browsers fail on it",
    }
    FAILURES {
        about: "an origin that fails after it has accepted a WebSocket",
        pushpin: "the client's connection is cut",
        hub: "it is closed with 1011",
        why: "the client learns that it was not the network",
    }
    PUBLISHED_CLOSES {
        about: "what the origin is told of a client that an item closes",
        pushpin: "that it has closed, without a code, before the client knows",
        hub: "how the client answers, as after a close of the origin's own",
        why: "whoever counts clients by their ends needs the code, and the end",
    }
    UNANSWERED_CLOSES {
        about: "a client's close that the origin does not answer",
        pushpin: "the client's connection is cut",
        hub: "the close is answered with the client's own code",
        why: "the client has done nothing wrong",
    }
    HALF_EVENTS {
        about: "an answer that is cut off in the middle of an event",
        pushpin: "what is there counts",
        hub: "the client is closed with 1011, or refused with 502",
        why: "half a message is a wrong one",
    }
    NATIVE_META {
        about: "`Meta-` headers in a client's handshake to an origin that speaks WebSocket itself",
        pushpin: "they go to the origin",
        hub: "they are left out",
        why: "they are the proxy's to say",
    }
    NATIVE_REFUSALS {
        about: "a handshake that an origin which speaks WebSocket itself refuses",
        pushpin: "the client gets the status and the body",
        hub: "the client gets the headers as well",
        why: "a redirect or a challenge is nothing without them",
    }
    NATIVE_DETACHED_CLOSES {
        about: "the close of a client whose origin speaks WebSocket itself, and has detached",
        pushpin: "it is answered with 1000",
        hub: "it is answered with the client's own code",
        why: "it is the answer that the protocol has (RFC 6455, section 5.5.1)",
    }
    DETACHED_PINGS {
        about: "the pings of a detached client",
        pushpin: "nobody answers them",
        hub: "it answers them",
        why: "clients give up without an answer",
    }
    SUBPROTOCOLS {
        about: "a subprotocol that the client has not offered",
        pushpin: "it goes to the client",
        hub: "the client is refused with 502",
        why: "the client would fail the handshake",
    }
    HEADER_LINES {
        about: "a header in an instruction's body that has a line break in it",
        pushpin: "it becomes two headers",
        hub: "the client gets 502",
        why: "who writes one header could write any",
    }
    GRACEFUL_END {
        about: "the end of the proxy",
        pushpin: "held clients are cut",
        hub: "streams end, WebSockets get close code 1001, response holds their stored response",
        why: "a client that is told goes elsewhere at once",
    }
    REFRESH {
        about: "the action `refresh`",
        pushpin: "unknown before 1.38, so the item is refused",
        hub: "WebSockets on the channel ask the origin",
        why: "the hub knows the protocol of the newest Pushpin",
    }
}
