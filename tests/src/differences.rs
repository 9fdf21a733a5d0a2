/// What a hub does in another way than Pushpin, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is about.
    pub name: &'static str,
    /// What a Pushpin of Debian does.
    pub pushpin: &'static str,
    /// What the hub does.
    pub hub: &'static str,
    /// Why.
    pub why: &'static str,
}

macro_rules! differences {
    ($($constant:ident { about: $name:literal, pushpin: $pushpin:literal, hub: $hub:literal, why: $why:literal, })*) => {
        $(
            impl Difference {
                #[doc = $name]
                pub const $constant: Self = Self {
                    name: $name,
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
