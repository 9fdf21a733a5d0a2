//! The `Hold` of an adapter.

/// Gives an adapter a `Hold` of its own.
///
/// A framework's response traits can only be implemented for a type of the adapter, so each one
/// has a type around [`Hold`](crate::Hold), with the same constructors and setters. This macro
/// writes it; whoever adapts gripware to another framework can use it too. The attributes and
/// documentation of the type are passed in.
///
/// ```
/// gripware_core::adapter_hold! {
///     /// A hold for some framework.
/// }
///
/// let hold: gripware_core::Hold = Hold::stream("news").next("/news").into_core();
/// assert_eq!(hold, gripware_core::Hold::stream("news").next("/news"));
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! adapter_hold {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[must_use = "a hold does nothing unless it is returned"]
        pub struct Hold($crate::Hold);

        $crate::adapter_hold! { @constructors
            /// Holds the request until an item for the channel answers it, or until the timeout:
            /// then the client gets the response that this hold is returned with.
            ///
            /// The request has to be whole: a proxy keeps its body, to ask again. A hub holds one of up to
            /// 1 MiB (its `max_held_request`), Pushpin one of 100 000 bytes; with a larger body the
            /// client gets 400, after the handler has run.
            ///
            /// See
            /// [`gripware_core::Hold::response`].
            response(channel: Channel => ChannelError);
            /// Sends the response that this hold is returned with, and keeps the connection: every
            /// item for the channel is appended. See [`gripware_core::Hold::stream`].
            stream(channel: Channel => ChannelError);
            /// Holds the request as server-sent events. See [`gripware_core::Hold::sse`].
            sse(channel: Channel => ChannelError);
            /// Does not hold: the stream goes on at once with what is fetched from the link. See
            /// [`gripware_core::Hold::next_page`].
            next_page(link: Link => HoldError);
        }

        $crate::adapter_hold! { @conversions
            /// Adds a channel. See [`gripware_core::Hold::channel`].
            channel(channel: Channel => ChannelError);
            /// Sets where a stream goes on when it missed something. See
            /// [`gripware_core::Hold::next`].
            next(link: Link => HoldError);
            /// Sets whom the proxy tells that the client has gone. See
            /// [`gripware_core::Hold::gone`].
            gone(link: Link => HoldError);
        }

        $crate::adapter_hold! { @setters
            /// Sets when a response hold is answered although nothing came. Default: 55 seconds.
            /// See [`gripware_core::Hold::timeout`].
            timeout(timeout: ::std::time::Duration);
            /// Sets what is sent on a stream hold to keep it alive. Default: on server-sent events
            /// an empty comment every 20 seconds, on other streams nothing. See
            /// [`gripware_core::Hold::keep_alive`].
            keep_alive(keep_alive: $crate::KeepAlive);
            /// Sends no keep-alive. See [`gripware_core::Hold::without_keep_alive`].
            without_keep_alive();
            /// Sets an item of the connection's meta, which filters use. See
            /// [`gripware_core::Hold::meta`].
            meta(name: impl Into<String>, value: impl Into<String>);
            /// Sets the status that the client gets. Default: that of the response. See
            /// [`gripware_core::Hold::status`].
            status(status: $crate::http::StatusCode);
            /// Sets the status that the client gets, with a reason of its own. See
            /// [`gripware_core::Hold::status_with_reason`].
            status_with_reason(status: $crate::http::StatusCode, reason: impl Into<String>);
            /// Sets after how long without an item the proxy fetches the next link anyway.
            /// Default: 120 seconds. See [`gripware_core::Hold::next_timeout`].
            next_timeout(timeout: ::std::time::Duration);
            /// Sets which headers of the response the client gets. Default: all. See
            /// [`gripware_core::Hold::expose_headers`].
            expose_headers(names: impl IntoIterator<Item = impl AsRef<str>>);
            /// Sends the hold as an `application/grip-instruct` body even where headers could
            /// carry it. See [`gripware_core::Hold::in_body`].
            in_body();
        }

        impl Hold {
            /// Creates a stream hold that goes on after `last`, the id of the last item there is.
            /// See [`gripware_core::Hold::stream_after`].
            pub fn stream_after<L>(
                recovery: &$crate::Recovery,
                last: impl Into<String>,
                path: L,
            ) -> Self
            where
                L: TryInto<$crate::Link>,
                L::Error: Into<$crate::HoldError>,
            {
                Self($crate::Hold::stream_after(recovery, last, path))
            }

            /// Creates a response hold that goes on after `last`, the id of the last item there is.
            /// See [`gripware_core::Hold::response_after`].
            pub fn response_after(recovery: &$crate::Recovery, last: impl Into<String>) -> Self {
                Self($crate::Hold::response_after(recovery, last))
            }

            /// Holds in this mode without any channel yet. See
            /// [`gripware_core::Hold::with_mode`].
            pub fn with_mode(mode: $crate::HoldMode) -> Self {
                Self($crate::Hold::with_mode(mode))
            }

            /// How the connection is held. See [`gripware_core::Hold::mode`].
            #[must_use]
            pub fn mode(&self) -> Option<$crate::HoldMode> {
                self.0.mode()
            }

            /// Returns the channels, in their order.
            #[must_use]
            pub fn channels(&self) -> &[$crate::Channel] {
                self.0.channels()
            }

            /// Whether a proxy would take this hold. See [`gripware_core::Hold::check`].
            ///
            /// # Errors
            /// The first mistake that was made in building it, or the first limit that it breaks.
            pub fn check(&self, limits: &$crate::Limits) -> Result<(), $crate::HoldError> {
                self.0.check(limits)
            }

            /// Returns the hold, without a framework.
            pub fn into_core(self) -> $crate::Hold {
                self.0
            }
        }

        impl From<Hold> for $crate::Hold {
            fn from(hold: Hold) -> Self {
                hold.0
            }
        }

        impl From<$crate::Hold> for Hold {
            fn from(hold: $crate::Hold) -> Self {
                Self(hold)
            }
        }
    };
    (@constructors $($(#[$doc:meta])* $name:ident($from:ident: $to:ident => $error:ident);)*) => {
        impl Hold {$(
            $(#[$doc])*
            pub fn $name<T>($from: T) -> Self
            where
                T: TryInto<$crate::$to>,
                T::Error: Into<$crate::$error>,
            {
                Self($crate::Hold::$name($from))
            }
        )*}
    };
    (@conversions $($(#[$doc:meta])* $name:ident($from:ident: $to:ident => $error:ident);)*) => {
        impl Hold {$(
            $(#[$doc])*
            pub fn $name<T>(self, $from: T) -> Self
            where
                T: TryInto<$crate::$to>,
                T::Error: Into<$crate::$error>,
            {
                Self(self.0.$name($from))
            }
        )*}
    };
    (@setters $($(#[$doc:meta])* $name:ident($($from:ident: $type:ty),*);)*) => {
        impl Hold {$(
            $(#[$doc])*
            pub fn $name(self, $($from: $type),*) -> Self {
                Self(self.0.$name($($from),*))
            }
        )*}
    };
}
