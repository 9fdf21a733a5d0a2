//! What records leave behind in Redis.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::time::Duration;

use gripware_state::{Expect, Namespace, Records, StateProvider};
use support::Server;

const INDEX: &str = "gw:default:expiries:user";

#[tokio::test]
async fn of_records_that_nobody_takes_nothing_is_left() {
    let server = Server::start();
    let backends = gripware_redis::state()
        .open(&server.url(), &Namespace::default())
        .unwrap();
    let records = Records::new(backends.records);
    let put = async |key: &str, seconds| {
        let ttl = Some(Duration::from_secs(seconds));
        let put = records.put(key, &1, Expect::Any, ttl).await.unwrap();
        assert!(put.is_some());
    };
    put("user/1", 600).await;
    // One that has expired long ago, and whose record is gone.
    server.command(&["ZADD", INDEX, "1000", "user/old"]).await;
    put("user/2", 60).await;
    let known = server.command(&["ZRANGE", INDEX, "0", "-1"]).await;
    assert!(
        known.contains("user/1") && known.contains("user/2"),
        "{known}"
    );
    assert!(!known.contains("user/old"), "{known}");

    // The index ends with the last of the records that it has.
    let end = async |key: &str| server.command(&["PEXPIRETIME", key]).await;
    assert_eq!(end(INDEX).await, end("gw:default:r:user/1").await);
    let minute = Duration::from_secs(60);
    assert!(records.touch("user/1", minute).await.unwrap());
    assert_eq!(end(INDEX).await, end("gw:default:r:user/1").await);
    assert!(records.remove("user/1", Expect::Any).await.unwrap());
    assert!(records.remove("user/2", Expect::Any).await.unwrap());
    assert_eq!(server.command(&["EXISTS", INDEX]).await, "int(0)");
}
