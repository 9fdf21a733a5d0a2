use std::num::NonZeroU64;

use proptest::prelude::*;
use tokio::sync::oneshot;

use super::{
    opening::{Keys, Limits, Opening},
    session::{Heard, Received, Session, SessionError},
    *,
};
use crate::{
    Auth, Digest, Identifier, Tracing,
    auth::{Compressor, Kind, Nonce, ReplayStore, Signed, Verifier},
    ws::{
        Counter, FromBroadcaster, FromSubscriber, MAX_PAYLOAD, Side, StreamHead, StreamPart, nonce,
        zstd,
    },
};

const NOW: u64 = 1_700_000_000;

const LIMITS: Limits = Limits {
    message: 1 << 20,
    payload: 1000,
};

/// The other end, which signs and counts as a broadcaster does.
struct Broadcaster {
    auth: Auth,
    counter: Counter,
}

impl Broadcaster {
    fn sign(&self, signed: &Signed<'_>) -> Option<crate::Authorization> {
        let credential = &self.auth.to_subscriber;
        credential.sign(signed, &Tracing::default(), NOW, &Nonce::random())
    }

    fn part(
        &mut self,
        whole: &StreamHead,
        number: u64,
        payload: impl Into<Bytes>,
    ) -> FromBroadcaster {
        let identifier = Identifier::try_from(b"id").unwrap();
        let url = self.counter.next_url();
        let signed = Signed::Receive {
            url: &url,
            topic: &whole.topic,
            identifier: &identifier,
            digest: &whole.digest,
        };
        FromBroadcaster::ReceiveStream(StreamPart {
            authorization: self.sign(&signed),
            tracing: Tracing::default(),
            identifier,
            part: NonZeroU64::new(number).map_or_else(|| Ok(whole.clone()), Err),
            payload: payload.into(),
        })
    }

    fn enable(&mut self, id: u32) -> FromBroadcaster {
        let compressor = Compressor {
            id,
            level: 3,
            min_size: 16,
            max_size: u64::MAX,
        };
        let url = self.counter.next_url();
        let signed = Signed::EnablePreset {
            url: &url,
            compressor: &compressor,
        };
        FromBroadcaster::EnablePreset {
            authorization: self.sign(&signed),
            compressor,
            tracing: Tracing::default(),
        }
    }
}

fn keys(auth: &Auth) -> Keys {
    let shared = |credential: &crate::auth::Credential| {
        Arc::new(Verifier::new(credential.clone(), ReplayStore::default()))
    };
    Keys {
        to_broadcaster: shared(&auth.to_broadcaster),
        to_subscriber: shared(&auth.to_subscriber),
    }
}

fn connect(zstd: bool) -> (Session, Broadcaster) {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let (opening, configure) = Opening::new(&keys(&auth), LIMITS, zstd, NOW).unwrap();
    let Ok(FromSubscriber::Configure { nonce: theirs, .. }) = FromSubscriber::decode(configure)
    else {
        panic!("it is no CONFIGURE");
    };
    let own = [9; 32];
    let mut broadcaster = Broadcaster {
        auth,
        counter: Counter::new(&nonce(&theirs, &own), Side::Broadcaster),
    };
    let answer = FromBroadcaster::ConfirmConfigure {
        nonce: own,
        authorization: broadcaster.sign(&Signed::ConfirmConfigure { nonce: &own }),
        tracing: Tracing::default(),
    };
    let mut session = opening
        .configured(answer.encode(true).unwrap(), NOW)
        .unwrap();
    if zstd {
        let enable = broadcaster.enable(zstd::STANDARD);
        assert_eq!(say(&mut session, &enable).unwrap(), None);
    }
    (session, broadcaster)
}

fn say(session: &mut Session, message: &FromBroadcaster) -> Result<Option<Received>, SessionError> {
    match session.receive(message.encode(false).unwrap(), NOW)? {
        Heard::Done(received) => Ok(received),
        Heard::Part(part) => session.joined(part.run(), NOW),
    }
}

fn publish(session: &mut Session, job: Job) {
    let prepared = session.prepare(&job.data)();
    session.publish(job, prepared, NOW).unwrap();
}

fn heard(session: &mut Session) -> Vec<FromSubscriber> {
    std::iter::from_fn(|| session.pop())
        .map(|message| FromSubscriber::decode(message).unwrap())
        .collect()
}

fn topic() -> Topic {
    Topic::try_from("t").unwrap()
}

fn job(data: impl Into<Bytes>) -> (Job, oneshot::Receiver<Result<u32, ClientError>>) {
    let (done, outcome) = oneshot::channel();
    let (topic, data) = (topic(), data.into());
    (Job { topic, data, done }, outcome)
}

#[test]
fn acknowledgements_have_the_order_of_messages_though_the_client_has_another() {
    let (mut session, mut broadcaster) = connect(false);
    let whole = StreamHead::uncompressed(topic(), b"hello");
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let part = broadcaster.part(&whole, 0, "hello");
        let Ok(Some(Received::Message(number, _, data))) = say(&mut session, &part) else {
            panic!("it is no message");
        };
        assert_eq!(data, "hello");
        numbers.push(number);
    }
    // A part behind them is not acknowledged before they are.
    let part = broadcaster.part(&whole, 0, "hel");
    assert_eq!(say(&mut session, &part).unwrap(), None);
    session.confirm(numbers[1], 1, NOW).unwrap();
    assert!(heard(&mut session).is_empty());
    session.confirm(numbers[0], 0, NOW).unwrap();
    let said = heard(&mut session);
    assert!(
        matches!(
            said.as_slice(),
            [
                FromSubscriber::ConfirmReceive { subscribers: 0, .. },
                FromSubscriber::ConfirmReceive { subscribers: 1, .. },
                FromSubscriber::ContinueReceive { part: 0, .. },
            ]
        ),
        "{said:?}"
    );
}

#[test]
fn a_message_that_was_not_signed_for_its_place_is_refused() {
    let (mut session, mut broadcaster) = connect(false);
    let whole = StreamHead::uncompressed(topic(), b"hello");
    let first = broadcaster.part(&whole, 0, "hello");
    let second = broadcaster.part(&whole, 0, "hello");
    let refused = say(&mut session, &second).unwrap_err();
    assert!(matches!(refused, SessionError::Refused(_)), "{refused}");

    let (mut session, _) = connect(false);
    let refused = say(&mut session, &first).unwrap_err();
    assert!(matches!(refused, SessionError::Refused(_)), "{refused}");
}

#[test]
fn a_large_message_waits_for_each_part_to_be_taken() {
    let (mut session, broadcaster) = connect(false);
    let (large, mut outcome) = job(vec![7; 1001]);
    publish(&mut session, large);
    assert!(!session.has_room(0), "parts are followed by parts");
    let said = heard(&mut session);
    let [FromSubscriber::NotifyStream(first)] = said.as_slice() else {
        panic!("{said:?}");
    };
    assert_eq!(first.payload.len(), 1000);
    let digest = first.part.as_ref().unwrap().digest;
    let signed = Signed::ContinueNotify {
        identifier: &first.identifier,
        part: 0,
    };
    let proceed = FromBroadcaster::ContinueNotify {
        identifier: first.identifier.clone(),
        part: 0,
        authorization: broadcaster.sign(&signed),
        tracing: Tracing::default(),
    };
    say(&mut session, &proceed).unwrap();
    let said = heard(&mut session);
    let [FromSubscriber::NotifyStream(second)] = said.as_slice() else {
        panic!("{said:?}");
    };
    assert_eq!((second.number(), second.payload.len()), (1, 1));
    assert!(session.has_room(1));
    assert!(
        !session.has_room(MAX_PAYLOAD),
        "with it there would be too much"
    );

    let signed = Signed::ConfirmNotify {
        identifier: &first.identifier,
        subscribers: 3,
        topic: &topic(),
        digest: &digest,
    };
    let confirm = FromBroadcaster::ConfirmNotify {
        identifier: first.identifier.clone(),
        subscribers: 3,
        authorization: broadcaster.sign(&signed),
        tracing: Tracing::default(),
    };
    say(&mut session, &confirm).unwrap();
    assert_eq!(outcome.try_recv().unwrap().unwrap(), 3);
    assert!(session.has_room(1));
    let again = say(&mut session, &confirm).unwrap_err();
    assert!(matches!(again, SessionError::Unexpected), "{again}");
}

#[test]
fn a_message_may_have_been_delivered_once_it_was_begun() {
    let failed = |command: Command| command.fail("nobody is there".into());
    let (job, mut outcome) = job("x");
    failed(Command::again(What::Notify(job)));
    assert!(outcome.try_recv().unwrap().unwrap_err().is_ambiguous());

    let (job, mut outcome) = self::job("x");
    let (begin, mut begun) = oneshot::channel();
    let command = Command {
        what: What::Notify(job),
        begin: Some(begin),
    };
    failed(command);
    assert!(!outcome.try_recv().unwrap().unwrap_err().is_ambiguous());
    assert!(begun.try_recv().is_err());
}

#[test]
fn what_nobody_waits_for_any_more_is_not_begun() {
    let (job, _outcome) = job("x");
    let (begin, mut begun) = oneshot::channel();
    let command = Command {
        what: What::Notify(job),
        begin: Some(begin),
    };
    begun.close();
    assert!(command.begin().is_none());
}

#[test]
fn what_is_subscribed_to_twice_is_said_once() {
    let (mut session, broadcaster) = connect(false);
    let pattern = Pattern::Exact(topic());
    let (first, mut first_done) = oneshot::channel();
    let (second, mut second_done) = oneshot::channel();
    session
        .subscribe(pattern.clone(), Some(first), NOW)
        .unwrap();
    session
        .subscribe(pattern.clone(), Some(second), NOW)
        .unwrap();
    assert_eq!(heard(&mut session).len(), 1);
    assert!(second_done.try_recv().is_err());
    // The confirmation is signed with the URL of the request.
    let url = format!(
        "{}-1",
        broadcaster.counter.clone().next_url().trim_end_matches('1')
    );
    let signed = Signed::ConfirmSubscribe {
        url: &url,
        recovery: None,
        pattern: &pattern,
    };
    let confirm = FromBroadcaster::ConfirmSubscribe {
        pattern: pattern.clone(),
        authorization: broadcaster.sign(&signed),
        tracing: Tracing::default(),
    };
    say(&mut session, &confirm).unwrap();
    assert!(first_done.try_recv().unwrap().is_ok());
    assert!(second_done.try_recv().unwrap().is_ok());

    session.retain(|_| false, NOW).unwrap();
    let said = heard(&mut session);
    assert!(
        matches!(said.as_slice(), [FromSubscriber::Unsubscribe { .. }]),
        "{said:?}"
    );
}

#[test]
fn messages_are_compressed_once_the_broadcaster_says_so() {
    let (mut session, mut broadcaster) = connect(true);
    let data = [7; 1000];
    publish(&mut session, job(data.to_vec()).0);
    publish(&mut session, job("short").0);
    let said = heard(&mut session);
    let [
        FromSubscriber::Notify { head, payload, .. },
        FromSubscriber::Notify { head: short, .. },
    ] = said.as_slice()
    else {
        panic!("{said:?}");
    };
    assert_eq!((head.compressor, short.compressor), (1, 0));
    assert_eq!(zstd::decompress(payload, 1000).unwrap(), &data[..]);
    // The same comes back.
    let part = broadcaster.part(head, 0, payload.clone());
    let Ok(Some(Received::Message(_, _, received))) = say(&mut session, &part) else {
        panic!("it is no message");
    };
    assert_eq!(received, &data[..]);
}

#[test]
fn a_compressor_that_was_not_agreed_on_is_refused() {
    for (zstd, id) in [(false, 1), (true, 2)] {
        let (mut session, mut broadcaster) = connect(zstd);
        let enable = broadcaster.enable(id);
        let refused = say(&mut session, &enable).unwrap_err();
        assert!(matches!(refused, SessionError::Compressor), "{refused}");
    }
    let (mut session, mut broadcaster) = connect(false);
    let whole = StreamHead {
        compressor: 1,
        digest: Digest::of(b"hello"),
        compressed_length: 5,
        decompressed_length: 6,
        topic: topic(),
    };
    let part = broadcaster.part(&whole, 0, "hello");
    let refused = say(&mut session, &part).unwrap_err();
    assert!(matches!(refused, SessionError::Compressor), "{refused}");
}

proptest! {
    #[test]
    fn nothing_panics_on_any_message(bytes: Vec<u8>) {
        let (mut session, _) = connect(true);
        if let Ok(Heard::Part(part)) = session.receive(bytes.into(), NOW) {
            let _ = session.joined(part.run(), NOW);
        }
    }
}
