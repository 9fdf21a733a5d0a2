//! How long a connection counts as present.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;

use super::{
    presence::{LONG, counts, member, presence, sweep_until, told},
    unique,
};
use crate::{
    Backends, Member, StateErrorKind,
    presence::{Joining, Lease, LeaseId, PresenceBackend},
};

/// When its own lease ends.
pub async fn a_connection_that_falls_silent_leaves(backends: &Backends) {
    let (lasting, channel) = (presence(backends), unique("room"));
    let short = lasting.clone().member_ttl(Duration::from_millis(30));
    short
        .join(channel.as_str(), &member("anna", "c1"))
        .await
        .unwrap();
    lasting
        .join(channel.as_str(), &member("ben", "c2"))
        .await
        .unwrap();
    sweep_until(&lasting, &channel, (1, 1)).await;
    assert_eq!(
        told(backends, &channel).await.last(),
        Some(&json!({"type": "leave", "user": "anna"}))
    );
}

/// And of others it is said that they are not there.
pub async fn a_touched_connection_stays(backends: &Backends) {
    let (presence, channel) = (presence(backends), unique("room"));
    // Long enough to be touched in time on any machine.
    let short = presence.clone().member_ttl(Duration::from_secs(5));
    for (user, connection) in [("anna", "c1"), ("ben", "c2"), ("cleo", "c3")] {
        short
            .join(channel.as_str(), &member(user, connection))
            .await
            .unwrap();
    }
    let touched = [
        (&*channel, "c1"),
        (&*channel, "c9"),
        ("no room", "c1"),
        (&*channel, "c3"),
    ];
    let unknown = presence
        .clone()
        .member_ttl(LONG)
        .touch(&touched)
        .await
        .unwrap();
    assert_eq!(unknown, [1, 2]);
    sweep_until(&presence, &channel, (2, 2)).await;
    assert_eq!(
        told(backends, &channel).await.last(),
        Some(&json!({"type": "leave", "user": "ben"}))
    );
}

/// And nobody else's.
pub async fn a_node_that_dies_takes_its_connections_along(backends: &Backends) {
    let (presence, channel) = (presence(backends), unique("room"));
    let backend = &*backends.presence;
    let (dying, living) = (LeaseId::random(), LeaseId::random());
    for lease in [&dying, &living] {
        backend.open_lease(lease, LONG).await.unwrap();
    }
    for n in 0..180 {
        let dies = n % 3 != 0;
        let (user, connection) = (format!("u{}", n % 60), format!("c{n}"));
        let lease = if dies { &dying } else { &living };
        join(backend, &channel, &member(&user, &connection), lease).await;
    }
    presence.sweep().await.unwrap();
    assert_eq!(counts(&presence, &channel).await, (60, 180));
    assert!(backend.renew_lease(&dying, LONG).await.unwrap());

    backend.end_lease(&dying).await.unwrap();
    sweep_until(&presence, &channel, (20, 60)).await;
    assert!(!backend.renew_lease(&dying, LONG).await.unwrap());
    assert!(backend.renew_lease(&living, LONG).await.unwrap());
    let events = told(backends, &channel).await;
    let left: BTreeSet<_> = events
        .iter()
        .filter(|event| event["type"] == "leave")
        .map(|event| event["user"].to_string())
        .collect();
    assert_eq!(left.len(), 40);

    let anna = member("anna", "c1");
    let joining = Joining::new(&anna, Lease::Node(&dying), Duration::ZERO);
    let refused = backend.join(&channel, joining).await.unwrap_err();
    assert_eq!(refused.kind(), StateErrorKind::LeaseLost);
}

async fn join(backend: &dyn PresenceBackend, channel: &str, member: &Member, lease: &LeaseId) {
    let joining = Joining::new(member, Lease::Node(lease), Duration::ZERO);
    backend.join(channel, joining).await.unwrap();
}

/// Sweeping the lease that was lost does not remove it.
pub async fn what_joined_again_under_another_lease_stays(backends: &Backends) {
    let (presence, channel) = (presence(backends), unique("room"));
    let backend = &*backends.presence;
    let (lost, new) = (LeaseId::random(), LeaseId::random());
    backend.open_lease(&lost, LONG).await.unwrap();
    for (user, connection) in [("anna", "c1"), ("ben", "c2")] {
        join(backend, &channel, &member(user, connection), &lost).await;
    }
    backend.end_lease(&lost).await.unwrap();
    backend.open_lease(&new, LONG).await.unwrap();
    join(backend, &channel, &member("anna", "c1"), &new).await;
    sweep_until(&presence, &channel, (1, 1)).await;
    presence.sweep().await.unwrap();
    assert_eq!(counts(&presence, &channel).await, (1, 1));
    let list = presence.list(channel.as_str(), None, 10).await.unwrap();
    assert_eq!(list.users[0].user, "anna");
}
