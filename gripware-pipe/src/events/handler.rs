use std::{future::Future, pin::Pin, str::FromStr};

use http::{Response, StatusCode};

use super::{Event, Exception, IntoReply};
use crate::Body;

/// The response of a handler, once it is awaited.
pub type Handling = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// A handler of events: a function of an [`Event`] and up to six positional parameters, each of a
/// type that can be read from text.
///
/// A call with another number of parameters, or with one that cannot be read, gets 400.
pub trait EventHandler<Params>: Send + Sync + 'static {
    /// Answers an event.
    fn handle(&self, event: Event, development: bool) -> Handling;
}

fn bad(class: &str, message: impl Into<String>) -> Handling {
    let exception = Exception::new(class, message);
    let status = StatusCode::BAD_REQUEST;
    let response = exception.with_status(status, status.as_u16());
    Box::pin(async { response })
}

fn number(expected: usize, event: &Event) -> Handling {
    let given = event.params.len();
    let noun = &event.noun;
    bad(
        "Parameters",
        format!("{noun} takes {expected} parameters and was given {given}"),
    )
}

macro_rules! handlers {
    ($($count:literal: $($param:ident)*;)*) => {$(
        impl<Func, Fut, R, $($param,)*> EventHandler<(Event, $($param,)*)> for Func
        where
            Func: Fn(Event, $($param,)*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoReply + 'static,
            $($param: FromStr + Send + 'static,)*
        {
            #[allow(non_snake_case, reason = "named as their types")]
            fn handle(&self, event: Event, development: bool) -> Handling {
                let [$($param),*] = event.params.as_slice() else {
                    return number($count, &event);
                };
                $(let Ok($param) = $param.parse::<$param>() else {
                    return bad("Parameters", format!("{:?} cannot be read", $param));
                };)*
                let handling = self(event, $($param,)*);
                Box::pin(async move { handling.await.into_reply(development) })
            }
        }
    )*};
}

handlers! {
    0: ;
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
}
