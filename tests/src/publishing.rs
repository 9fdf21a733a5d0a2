use std::net::SocketAddr;

use crate::Request;

/// Publishes an item, as JSON, at a control endpoint.
///
/// # Panics
/// Where it is refused.
pub(crate) async fn publish(control: SocketAddr, item: &str) {
    let answer = Request::new("POST", control, "/publish/")
        .body(format!("{{\"items\": [{item}]}}"))
        .send()
        .await;
    let status = answer.status();
    assert_eq!(
        (status, answer.text().await.as_str()),
        (200, "Published\n"),
        "{item}"
    );
}
