mod closing;
mod line;
mod messages;
mod native;
mod random;
mod times;

use self::line::Script;
use crate::session::ws_session::*;

#[test]
fn an_idle_session_is_small_and_owns_nothing() {
    let size = size_of::<WsSession>();
    assert!(size <= 160, "{size} bytes");
    let mut line = Script::grip();
    line.client("text hello");
    line.turn();
    line.answer("TEXT 4\r\nm:hi\r\n");
    assert!(line.session.queue.is_none());
    assert!(line.session.timers.is_none());
    assert!(line.session.client_close.is_none());
}
