mod closing;
mod line;
mod messages;
mod random;
mod times;

use self::line::Line;
use crate::ws::session::*;

#[test]
fn an_idle_conversation_is_small_and_owns_nothing() {
    let size = size_of::<Conversation>();
    assert!(size <= 160, "{size} bytes");
    let mut line = Line::grip();
    line.client("text hello");
    line.turn();
    line.answer("TEXT 4\r\nm:hi\r\n");
    assert!(line.conversation.queue.is_none());
    assert!(line.conversation.timers.is_none());
    assert!(line.conversation.client_close.is_none());
}
