//! How a configuration is put together, and what keeps it from being one.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not what they call"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use gripware_core::{Channel, GripUrl, WsMessage, item::ItemParts};
use gripware_publish::{BuildError, ConfigError, Endpoint, Grip, Publisher, Sink, SinkError};
use http::HeaderMap;

fn vars(name: &str) -> Option<String> {
    match name {
        "GRIP_URL" => Some("http://push.example:5561/?key=hunter2".to_owned()),
        "GRIP_PREFIX" => Some("app-".to_owned()),
        _ => None,
    }
}

#[test]
fn every_word_for_yes_and_no_is_read_in_any_case() {
    let required = |value: &str| {
        let vars = |name: &str| (name == "GRIP_PROXY_REQUIRED").then(|| value.to_owned());
        let grip = Grip::from_vars(vars)?;
        let headers = HeaderMap::new();
        let direct = grip.policy().admit(&headers, SystemTime::now);
        Ok::<_, ConfigError>(grip.policy().check_request(&direct, &headers).is_err())
    };
    for value in ["true", "True", "TRUE", "yes", "On", "1", " true\n"] {
        assert!(required(value).unwrap(), "{value}");
    }
    for value in ["false", "False", "NO", "off", "0", "", " "] {
        assert!(!required(value).unwrap(), "{value}");
    }
    for value in ["maybe", "truee", "2", "-1"] {
        let name = "GRIP_PROXY_REQUIRED";
        assert_eq!(
            required(value).unwrap_err(),
            ConfigError::NoBoolean { name }
        );
    }
}

#[test]
fn the_environment_alone_lets_credentials_go_over_plain_http() {
    let allowed = |value: &'static str| {
        Grip::from_vars(move |name| match name {
            "GRIP_ALLOW_INSECURE_CREDENTIALS" => Some(value.to_owned()),
            name => vars(name),
        })
    };
    assert!(allowed("true").is_ok());
    let error = allowed("false").unwrap_err().to_string();
    assert_eq!(error, "the control endpoints cannot be published to");
    let name = "GRIP_ALLOW_INSECURE_CREDENTIALS";
    assert_eq!(
        allowed("maybe").unwrap_err(),
        ConfigError::NoBoolean { name }
    );
}

#[test]
fn what_the_variables_say_can_be_added_to_and_overruled() {
    let grip = Grip::builder()
        .vars(vars)
        .unwrap()
        .prefix("other-")
        .publisher_with(|publisher| publisher.each_endpoint(Endpoint::allow_insecure_credentials))
        .build()
        .unwrap();
    assert_eq!(grip.policy().prefix(), "other-");
    assert_eq!(grip.publisher().prefix(), "other-");

    let refused = Grip::from_vars(vars).unwrap_err();
    assert!(matches!(
        refused,
        ConfigError::Publisher(BuildError::InsecureCredentials { .. })
    ));
}

#[tokio::test]
async fn the_settings_of_the_publisher_are_those_it_publishes_with() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let grip = Grip::builder()
        .vars(|name| (name == "GRIP_URL").then(|| url.clone()))
        .unwrap()
        .publisher_with(|publisher| publisher.timeout(Duration::from_millis(50)).retries(0))
        .build()
        .unwrap();
    let published = grip.publisher().publish("c", WsMessage::text("x")).await;
    let error = published.unwrap_err().to_string();
    assert!(error.ends_with("no answer within 50 ms"), "{error}");
}

#[test]
fn holds_and_publishes_have_one_prefix() {
    let with = |prefix: &str| {
        let url = GripUrl::parse("http://localhost:5561/").unwrap();
        let builder = Publisher::builder().endpoint(url);
        builder.prefix(prefix).build().unwrap()
    };
    let grip = |publisher| Grip::builder().prefix("a-").publisher(publisher).build();
    assert!(grip(with("a-")).is_ok());
    assert!(grip(Publisher::none()).is_ok(), "it publishes nowhere");
    assert_eq!(grip(with("b-")).unwrap_err(), ConfigError::PrefixDiffers);
    let changed = Grip::builder()
        .prefix("a-")
        .vars(|name| (name == "GRIP_URL").then(|| "http://localhost:5561/".to_owned()));
    let changed = changed
        .unwrap()
        .publisher_with(|publisher| publisher.prefix("b-"));
    assert_eq!(changed.build().unwrap_err(), ConfigError::PrefixDiffers);
}

/// A sink that counts.
#[derive(Debug, Default)]
struct Counts(AtomicUsize);

impl Sink for Counts {
    fn name(&self) -> &str {
        "counts"
    }

    fn accept(&self, _channel: &Channel, _item: &ItemParts) -> Result<(), SinkError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn settings_of_the_publisher_add_up() {
    let counts = Arc::new(Counts::default());
    let (one, other) = (Arc::clone(&counts), Arc::clone(&counts));
    let grip = Grip::builder()
        .publisher_with(|publisher| publisher.sink(one))
        .publisher_with(|publisher| publisher.sink(other))
        .build()
        .unwrap();
    let message = WsMessage::text("hi");
    grip.publisher().publish("room", message).await.unwrap();
    assert_eq!(counts.0.load(Ordering::Relaxed), 2);
}
