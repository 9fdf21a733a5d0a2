//! WebSocket routes as axum has them: body limits, optional extractors, a missing layer.

mod proxy;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    response::{IntoResponse, Response},
    routing::any,
};
use gripware_axum::{GripLayer, WebSocketContext, WebSocketRejection};
use proxy::{direct, events, grip, send};

async fn echo(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    if ws.is_opening() {
        ws.accept();
        ws.subscribe("room")?;
    }
    while let Some(message) = ws.receive()? {
        ws.send(message)?;
    }
    Ok(ws)
}

async fn page_or_socket(ws: Option<WebSocketContext>) -> Response {
    match ws {
        Some(mut ws) => {
            ws.accept();
            ws.into_response()
        }
        None => "a page\n".into_response(),
    }
}

fn app() -> Router {
    Router::new()
        .route("/echo", any(echo))
        .route("/page", any(page_or_socket))
        .layer(GripLayer::new(&grip()))
}

#[tokio::test]
async fn a_smaller_body_limit_of_the_application_counts() {
    let app = app().layer(DefaultBodyLimit::max(10));
    assert_eq!(
        send(&app, events("/echo", "TEXT 5\r\nhello\r\n"))
            .await
            .status,
        413
    );
    assert_eq!(send(&app, events("/echo", "TEXT\r\n")).await.status, 200);
}

#[tokio::test]
async fn one_route_serves_pages_and_sockets() {
    assert_eq!(send(&app(), direct("/page")).await.text(), "a page\n");
    assert_eq!(
        send(&app(), events("/page", "OPEN\r\n")).await.text(),
        "OPEN\r\n"
    );
    assert_eq!(send(&app(), events("/page", "broken")).await.status, 400);
}

#[tokio::test]
async fn without_the_layer_the_answer_says_what_is_missing() {
    let app = Router::new().route("/echo", any(echo));
    let answer = send(&app, events("/echo", "OPEN\r\n")).await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("is GripLayer around this route?"));
}

async fn without_a_database(
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, WebSocketRejection> {
    ws.accept();
    let topic = Err::<String, _>(std::io::Error::other("the database at 10.0.0.5 is down"));
    ws.send_text(topic.map_err(WebSocketRejection::other)?)?;
    Ok(ws)
}

#[tokio::test]
async fn any_error_of_a_handler_closes_an_open_socket_and_refuses_an_opening_one() {
    let app = Router::new()
        .route("/topic", any(without_a_database))
        .layer(GripLayer::new(&grip()));
    let refused = send(&app, events("/topic", "OPEN\r\n")).await;
    assert_eq!(refused.status, 500);
    assert_eq!(
        refused.text(),
        "the WebSocket events could not be handled\n"
    );
    let closed = send(&app, events("/topic", "TEXT 2\r\nhi\r\n")).await;
    assert_eq!(closed.status, 200);
    assert_eq!(closed.body[..], *b"CLOSE 2\r\n\x03\xf3\r\n");
}

#[cfg(feature = "state")]
#[test]
fn errors_of_the_state_need_no_conversion() {
    use gripware_axum::{WebSocketError, WebSocketErrorKind};
    use gripware_state::{StateError, StateErrorKind, resume::SocketError};

    let fails = |error: SocketError| -> Result<(), WebSocketRejection> { Err(error)? };
    let down = StateError::from(StateErrorKind::Unavailable);
    let rejection = WebSocketRejection::from(down);
    assert_eq!(rejection.status().as_u16(), 500);
    assert!(matches!(rejection, WebSocketRejection::Other(_)));
    let down = StateError::from(StateErrorKind::Unavailable);
    assert!(matches!(
        fails(down.into()),
        Err(WebSocketRejection::Other(_))
    ));
    // What the client did wrong closes it as without the state.
    let text = WebSocketError::from(WebSocketErrorKind::InvalidEvents);
    assert!(matches!(
        fails(text.into()),
        Err(WebSocketRejection::Events(_))
    ));
}
