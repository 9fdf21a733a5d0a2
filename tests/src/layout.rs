/// Which proxy stands in front of which conformance server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The proxy.
    pub front: Front,
    /// The conformance server, such as [`AXUM`](crate::AXUM).
    pub origin: &'static str,
}

/// What stands between clients and the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// Debian's Pushpin.
    Pushpin,
    /// The program `gripware-hub`.
    HubProgram,
    /// The program `gripware-hub`, whose origin dials in with `restpipe-client`.
    HubPipe,
    /// Two of the program `gripware-hub`, over a Redis. Clients are spread over both.
    HubNodes,
    /// A hub in the process of the origin, which is the test's.
    HubLibrary,
}

impl From<&'static str> for Layout {
    /// The server behind Pushpin.
    fn from(origin: &'static str) -> Self {
        Self {
            front: Front::Pushpin,
            origin,
        }
    }
}

/// Makes one test of each named function for each proxy that is a program of its own.
///
/// The functions take a [`Layout`](crate::Layout) with the server on axum.
#[macro_export]
macro_rules! for_each_proxy {
    ($($name:ident,)*) => {
        mod one_origin {
            mod pushpin {
                $crate::for_each_proxy! { @behind Pushpin, $($name,)* }
            }

            mod hub_program {
                $crate::for_each_proxy! { @behind HubProgram, $($name,)* }
            }
        }
    };
    (@behind $front:ident, $($name:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                let layout = $crate::Layout {
                    front: $crate::Front::$front,
                    origin: $crate::AXUM,
                };
                $crate::scenario(|| super::super::$name(layout)).await;
            }
        )*
    };
}

/// Makes one test of each named function for each conformance server.
///
/// The functions take the server's name. One that is not in the list is dead code, which the
/// compiler reports.
#[macro_export]
macro_rules! for_each_origin {
    ($($name:ident,)*) => {
        $crate::for_each_origin! { @modules () $($name,)* => (|origin: &'static str| origin) }
    };
    (@modules $flavor:tt $($name:ident,)* => $layout:tt) => {
        mod axum {
            $(
                #[tokio::test $flavor]
                async fn $name() {
                    $crate::scenario(|| super::$name($layout($crate::AXUM))).await;
                }
            )*
        }

        mod actix {
            $(
                #[tokio::test $flavor]
                async fn $name() {
                    $crate::scenario(|| super::$name($layout($crate::ACTIX))).await;
                }
            )*
        }
    };
}

/// Makes one test of each named function for each proxy and each conformance server.
///
/// The functions take a [`Layout`](crate::Layout). Those after `separate` need a proxy that can end
/// without the origin, and the other way round, so there is none of them with a hub in the origin's
/// process, or behind a pipe, which stays when the origin goes. A pipe does not depend on who answers
/// at its end: there is one origin behind it. Nor do two nodes.
#[macro_export]
macro_rules! for_each_site {
    (separate: [$($separate:ident,)*] $($name:ident,)*) => {
        mod pushpin {
            #[allow(unused_imports)]
            use super::*;
            $crate::for_each_site! { @behind Pushpin, () $($separate,)* $($name,)* }
        }

        mod hub_program {
            #[allow(unused_imports)]
            use super::*;
            $crate::for_each_site! { @behind HubProgram, () $($separate,)* $($name,)* }
        }

        mod hub_pipe {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[tokio::test]
                async fn $name() {
                    let layout = $crate::Layout {
                        front: $crate::Front::HubPipe,
                        origin: $crate::AXUM,
                    };
                    $crate::scenario(|| super::$name(layout)).await;
                }
            )*
        }

        mod hub_nodes {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[tokio::test]
                async fn $name() {
                    let layout = $crate::Layout {
                        front: $crate::Front::HubNodes,
                        origin: $crate::AXUM,
                    };
                    $crate::scenario(|| super::$name(layout)).await;
                }
            )*
        }

        mod hub_library {
            #[allow(unused_imports)]
            use super::*;
            // The hub and the origin run beside what the test itself does, as in an application.
            $crate::for_each_site! {
                @behind HubLibrary, (flavor = "multi_thread", worker_threads = 2) $($name,)*
            }
        }
    };
    (@behind $front:ident, $flavor:tt $($name:ident,)*) => {
        $crate::for_each_origin! {
            @modules $flavor $($name,)* => (|origin| $crate::Layout { front: $crate::Front::$front, origin })
        }
    };
    ($($name:ident,)*) => {
        $crate::for_each_site! { separate: [] $($name,)* }
    };
}
