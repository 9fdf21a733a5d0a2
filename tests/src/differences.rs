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
        hub: "`link:gone` is in the list, and `session` is not",
        why: "the hub has no sessions, which no library offers, and obeys gone links",
    }
    ACCEPT {
        about: "what the origin is told of what the client reads",
        pushpin: "its HTTP worker asks for compressed bodies, and for any media type where the client \
                  does not say",
        hub: "the client's `Accept` alone",
        why: "the hub reads bodies as they are",
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
