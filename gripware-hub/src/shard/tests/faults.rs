use gripware_core::HttpStream;

use super::{line::answer, *};

#[test]
fn a_fault_cuts_one_connection_off_and_no_other() {
    TestShard::play(async |line: TestShard| {
        let held = || answer("Grip-Hold: stream\nGrip-Channel: a", "");
        let mut one = line.stream(held(), 100).await;
        let mut other = line.stream(held(), 100).await;
        let connection = line.shard.by_id.borrow().get(&one.id).cloned().unwrap();
        let done: Option<()> = line.shard.isolate(&connection, || {
            connection.with(|_| panic!("a fault that the test makes"));
        });
        assert!(done.is_none());
        assert_eq!(one.reads_to_end().await, "");
        assert_eq!(line.subscribers(), 1);
        line.publish("a", HttpStream::text("still here\n"));
        other.reads("still here\n").await;
    });
}
