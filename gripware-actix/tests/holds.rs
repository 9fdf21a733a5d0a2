//! Holds, as a proxy gets them and as everybody else does.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod proxy;

use std::{
    cell::RefCell,
    collections::VecDeque,
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use actix_http::Request;
use actix_web::{
    App, Error, HttpResponse, Responder,
    body::{BodySize, MessageBody},
    dev::{Service, ServiceResponse},
    http::header,
    middleware::{Next, from_fn},
    test::{TestRequest, init_service},
    web::{self, Bytes},
};
use gripware_actix::{
    Channel, Filter, Grip, GripContext, GripMiddleware, GripUrl, Hold, HoldExt, KeepAlive, Limits,
    http::StatusCode,
};
use proxy::{direct, from_proxy, get, grip, grip_with_prefix, send, signature};
use serde_json::json;

async fn app(
    grip: &Grip,
) -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    let events = async || Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)));
    let poll = async || {
        HttpResponse::NotFound()
            .insert_header(("etag", "\"1\""))
            .hold(Hold::response("news").timeout(Duration::from_secs(25)))
            .body("nothing\n")
    };
    let not_modified = async || {
        HttpResponse::NotModified()
            .hold(Hold::response("news"))
            .finish()
    };
    let hostile = async || {
        let channel = Channel::new("a,b;\"c\"")
            .unwrap()
            .with_filter(Filter::SkipSelf);
        HttpResponse::Ok()
            .reason("Fine")
            .insert_header(("x-one", "1"))
            .content_type("text/x")
            .append_header(("x-two", "b"))
            .append_header(("x-two", "a"))
            .hold(Hold::stream(channel))
            .body("first\n")
    };
    let too_many = async || (0..30).fold(Hold::stream("a"), |hold, n| hold.channel(n.to_string()));
    let long = async || Hold::response("a").with("x".repeat(100_001));
    let long_in_body = async || Hold::stream("a").in_body().with("x".repeat(100_001));
    let by_hand = async || {
        HttpResponse::Ok()
            .insert_header(("grip-hold", "stream"))
            .insert_header(("grip-channel", "a"))
            .finish()
    };
    let link_by_hand = async || {
        HttpResponse::Ok()
            .insert_header(("grip-link", "</secret>; rel=next"))
            .finish()
    };
    let held_json = async || Hold::stream("a").with(web::Json([1, 2]));
    let customized = async || Hold::stream("a").customize().insert_header(("x-one", "1"));
    init_service(
        App::new()
            .service(
                web::resource("/events")
                    .route(web::get().to(events))
                    .route(web::head().to(events)),
            )
            .route("/poll", web::get().to(poll))
            .route("/not-modified", web::get().to(not_modified))
            .route("/hostile", web::to(hostile))
            .route("/too-many", web::get().to(too_many))
            .route("/long", web::get().to(long))
            .route("/long-in-body", web::get().to(long_in_body))
            .service(
                web::resource("/by-hand")
                    .route(web::get().to(by_hand))
                    .route(web::head().to(by_hand)),
            )
            .route("/link-by-hand", web::get().to(link_by_hand))
            .route("/json", web::get().to(held_json))
            .route("/customized", web::get().to(customized))
            .route("/plain", web::get().to(async || "plain\n"))
            .wrap(GripMiddleware::new(grip)),
    )
    .await
}

#[actix_web::test]
async fn a_stream_alone_is_an_event_stream_with_instructions() {
    let answer = send(&app(&grip()).await, get("/events")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("grip-hold"), "stream");
    assert_eq!(answer.header("grip-channel"), "news");
    assert_eq!(
        answer.header("grip-keep-alive"),
        r":\n\n; format=cstring; timeout=20"
    );
    assert_eq!(answer.text(), "");
}

#[actix_web::test]
async fn first_bytes_of_an_event_stream_do_not_make_it_plain_text() {
    fn sse() -> Hold {
        Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)))
    }
    let app = App::new()
        .route("/text", web::get().to(async || sse().with("data: 1\n\n")))
        .route(
            "/bytes",
            web::get().to(async || sse().with(b"data: 1\n\n".to_vec())),
        )
        .route(
            "/own",
            web::get().to(async || HttpResponse::Ok().content_type("a/b").hold(sse()).body("1")),
        )
        .wrap(GripMiddleware::new(&grip()));
    let app = init_service(app).await;
    for (path, content_type) in [
        ("/text", "text/event-stream"),
        ("/bytes", "text/event-stream"),
        ("/own", "a/b"),
    ] {
        assert_eq!(
            send(&app, get(path)).await.header("content-type"),
            content_type
        );
    }
}

#[actix_web::test]
async fn a_hold_keeps_the_status_headers_and_body_beside_it() {
    let answer = send(&app(&grip()).await, get("/poll")).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.header("grip-hold"), "response");
    assert_eq!(answer.header("grip-timeout"), "25");
    assert_eq!(answer.text(), "nothing\n");
}

#[actix_web::test]
async fn a_hold_stands_beside_any_responder() {
    let answer = send(&app(&grip()).await, get("/json")).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("grip-hold"), "stream");
    assert_eq!(answer.text(), "[1,2]");

    let answer = send(&app(&grip()).await, get("/customized")).await;
    assert_eq!(answer.header("x-one"), "1");
    assert_eq!(answer.header("grip-hold"), "stream");
}

#[actix_web::test]
async fn a_304_travels_in_a_200() {
    let answer = send(&app(&grip()).await, get("/not-modified")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("grip-status"), "304 Not Modified");
}

#[actix_web::test]
async fn a_name_that_headers_would_change_travels_in_a_body() {
    let answer = send(&app(&grip()).await, get("/hostile")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/grip-instruct");
    assert_eq!(answer.header("grip-hold"), "");
    assert_eq!(answer.header("x-one"), "");
    assert_eq!(
        answer.json(),
        json!({
            "hold": {
                "mode": "stream",
                "channels": [{"name": "a,b;\"c\"", "filters": ["skip-self"]}],
            },
            "response": {
                "code": 200,
                "headers": [
                    ["content-type", "text/x"],
                    ["x-one", "1"],
                    ["x-two", "b"],
                    ["x-two", "a"],
                ],
                "body": "first\n",
            },
        })
    );
}

#[actix_web::test]
async fn the_prefix_is_put_before_the_channel() {
    let grip = grip_with_prefix("app-");
    let app = app(&grip).await;
    let answer = send(&app, get("/events")).await;
    assert_eq!(answer.header("grip-channel"), "app-news");
    let answer = send(&app, get("/hostile")).await;
    assert_eq!(
        answer.json()["hold"]["channels"][0]["name"],
        "app-a,b;\"c\""
    );
}

#[actix_web::test]
async fn a_head_request_is_answered_and_not_held() {
    for path in ["/events", "/hostile"] {
        let answer = send(&app(&grip()).await, from_proxy("HEAD", path)).await;
        assert_eq!(answer.status, 200);
        assert!(has_no_instruction(&answer));
    }
}

#[actix_web::test]
async fn without_a_proxy_a_hold_is_a_501_that_is_the_same_for_every_cause() {
    let now = SystemTime::now();
    let hour = Duration::from_secs(3601);
    let mut texts = Vec::new();
    for sig in [
        None,
        Some("nonsense".to_owned()),
        Some(signature("forged", "pushpin", now)),
        Some(signature("secret", "somebody", now)),
        Some(signature("secret", "pushpin", now - hour)),
    ] {
        let mut request = direct("/events");
        if let Some(sig) = sig {
            request = request.insert_header(("grip-sig", sig));
        }
        let answer = send(&app(&grip()).await, request).await;
        assert_eq!(answer.status, 501);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert!(has_no_instruction(&answer));
        texts.push(answer.text().to_owned());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
    assert!(
        texts[0].contains("needs a GRIP proxy in front"),
        "{}",
        texts[0]
    );
}

fn has_no_instruction(answer: &proxy::Answer) -> bool {
    answer
        .headers
        .keys()
        .all(|name| !name.as_str().starts_with("grip-"))
}

#[actix_web::test]
async fn two_signatures_are_none() {
    let request = get("/events").append_header((
        "grip-sig",
        signature("secret", "pushpin", SystemTime::now()),
    ));
    assert_eq!(send(&app(&grip()).await, request).await.status, 501);
}

#[actix_web::test]
async fn without_a_verify_key_nothing_is_trusted() {
    let url = GripUrl::parse("http://localhost:5561/").unwrap();
    let grip = Grip::builder().url(url).build().unwrap();
    let app = app(&grip).await;
    assert_eq!(send(&app, get("/events")).await.status, 501);
    assert_eq!(send(&app, get("/plain")).await.status, 200);
}

#[actix_web::test]
async fn unsigned_proxies_are_trusted_only_where_that_is_asked_for() {
    let grip = Grip::builder().trust_unsigned_proxies().build().unwrap();
    let app = app(&grip).await;
    let request = direct("/events").insert_header(("grip-feature", "status"));
    assert_eq!(send(&app, request).await.header("grip-hold"), "stream");
    assert_eq!(send(&app, direct("/events")).await.status, 501);
}

#[actix_web::test]
async fn a_required_proxy_is_required_on_every_route() {
    let url = GripUrl::parse("http://localhost:5561/?verify-key=secret").unwrap();
    let grip = Grip::builder().url(url).proxy_required(true);
    let grip = grip.build().unwrap();
    let app = app(&grip).await;
    for path in ["/plain", "/nowhere"] {
        let answer = send(&app, direct(path)).await;
        assert_eq!(answer.status, 501);
        assert!(answer.text().contains("only through its GRIP proxy"));
    }
    assert_eq!(send(&app, get("/plain")).await.text(), "plain\n");
}

#[actix_web::test]
async fn a_hold_that_no_proxy_would_take_is_a_500() {
    for path in ["/too-many", "/long", "/long-in-body"] {
        let answer = send(&app(&grip()).await, get(path)).await;
        assert_eq!(answer.status, 500, "{path}");
        assert!(answer.text().contains("no proxy would take"));
    }
}

#[actix_web::test]
async fn wider_limits_are_those_of_the_application() {
    let mut limits = Limits::default();
    limits.channels = 31;
    let url = GripUrl::parse("http://localhost:5561/?verify-key=secret").unwrap();
    let grip = Grip::builder().url(url).limits(limits).build().unwrap();
    let answer = send(&app(&grip).await, get("/too-many")).await;
    assert_eq!(answer.header("grip-channel").split(", ").count(), 31);
}

#[actix_web::test]
async fn instructions_written_by_hand_need_a_proxy_too() {
    let grip = grip();
    let app = app(&grip).await;
    assert_eq!(send(&app, direct("/by-hand")).await.status, 501);
    assert_eq!(send(&app, direct("/link-by-hand")).await.status, 501);
    assert_eq!(
        send(&app, get("/by-hand")).await.header("grip-channel"),
        "a"
    );
}

#[actix_web::test]
async fn instructions_written_by_hand_are_not_for_head_requests_either() {
    let answer = send(&app(&grip()).await, from_proxy("HEAD", "/by-hand")).await;
    assert_eq!(answer.status, 200);
    assert!(has_no_instruction(&answer));
}

#[actix_web::test]
async fn a_head_request_sees_the_head_of_what_a_get_is_answered_with() {
    let handler = async || {
        let hold = Hold::stream("a")
            .keep_alive(KeepAlive::sse(Duration::from_secs(20)))
            .status(StatusCode::IM_A_TEAPOT)
            .expose_headers(["content-type"]);
        HttpResponse::Ok()
            .insert_header(("x-hidden", "1"))
            .hold(hold)
            .body("data: 1\n\n")
    };
    let app = App::new()
        .route("/", web::to(handler))
        .wrap(GripMiddleware::new(&grip()));
    let answer = send(&init_service(app).await, from_proxy("HEAD", "/")).await;
    assert_eq!(answer.status.as_u16(), 418);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("x-hidden"), "");
}

#[actix_web::test]
async fn a_hold_that_got_lost_is_a_500() {
    let forgetful = from_fn(async |request, next: Next<actix_web::body::BoxBody>| {
        let mut response = next.call(request).await?;
        response.response_mut().extensions_mut().clear();
        Ok(response)
    });
    let app = App::new()
        .route("/", web::get().to(async || Hold::stream("a")))
        .wrap(forgetful)
        .wrap(GripMiddleware::new(&grip()));
    assert_eq!(send(&init_service(app).await, get("/")).await.status, 500);
}

#[actix_web::test]
async fn a_response_hold_takes_a_stream_up_to_the_limit_and_a_stream_hold_any() {
    fn held(hold: Hold, size: usize) -> HttpResponse {
        let chunk = Ok::<_, Infallible>(Bytes::from(vec![b'x'; 1000]));
        let chunks = futures_util::stream::iter(vec![chunk; size]);
        HttpResponse::Ok().hold(hold).streaming(chunks)
    }
    let short = async || held(Hold::response("a"), 100);
    let long = async || held(Hold::response("a"), 101);
    let stream = async || held(Hold::stream("a"), 300);
    let app = App::new()
        .route("/short", web::get().to(short))
        .route("/long", web::get().to(long))
        .route("/stream", web::get().to(stream))
        .wrap(GripMiddleware::new(&grip()));
    let app = init_service(app).await;
    let short = send(&app, get("/short")).await;
    assert_eq!(
        (short.header("grip-hold"), short.body.len()),
        ("response", 100_000)
    );
    assert_eq!(send(&app, get("/long")).await.status, 500);
    assert_eq!(send(&app, get("/stream")).await.body.len(), 300_000);
}

#[actix_web::test]
async fn without_the_middleware_a_hold_says_what_is_missing() {
    let alone = async || Hold::stream("news");
    let built = async || {
        let hold = Hold::stream("news");
        HttpResponse::Ok().hold(hold).finish()
    };
    let app = init_service(
        App::new()
            .route("/alone", web::get().to(alone))
            .route("/built", web::get().to(built)),
    )
    .await;
    for path in ["/alone", "/built"] {
        assert_eq!(
            send(&app, get(path)).await.header("grip-hold"),
            "unwritten: no GRIP layer is around this route"
        );
    }
}

#[actix_web::test]
async fn a_resource_and_a_scope_can_have_the_middleware() {
    let scopes = || {
        let single = web::resource("/a")
            .route(web::get().to(async || Hold::stream("a")))
            .wrap(GripMiddleware::new(&grip()));
        let nested = web::scope("/nested")
            .route("/b", web::get().to(async || Hold::stream("b")))
            .wrap(GripMiddleware::new(&grip()));
        App::new().service(single).service(nested)
    };
    let app = init_service(scopes()).await;
    assert_eq!(send(&app, get("/a")).await.header("grip-channel"), "a");
    assert_eq!(
        send(&app, get("/nested/b")).await.header("grip-channel"),
        "b"
    );
    // Twice around the same route it does no more than once.
    let twice = init_service(scopes().wrap(GripMiddleware::new(&grip()))).await;
    assert_eq!(send(&twice, get("/a")).await.header("grip-channel"), "a");
}

#[actix_web::test]
async fn every_worker_gets_a_clone_of_the_middleware() {
    fn is_for_workers<T: Clone + Send + 'static>(_: &T) {}
    let middleware = GripMiddleware::new(&grip());
    is_for_workers(&middleware);
    for _ in 0..2 {
        let app = App::new()
            .route("/", web::get().to(async || Hold::stream("a")))
            .wrap(middleware.clone());
        let answer = send(&init_service(app).await, get("/")).await;
        assert_eq!(answer.header("grip-channel"), "a");
    }
}

/// A body whose chunks come when they come.
#[derive(Clone, Default)]
struct Chunks(Rc<RefCell<VecDeque<&'static str>>>);

impl MessageBody for Chunks {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        match self.0.borrow_mut().pop_front() {
            Some("") => Poll::Ready(None),
            Some(text) => Poll::Ready(Some(Ok(Bytes::from_static(text.as_bytes())))),
            None => Poll::Pending,
        }
    }
}

#[actix_web::test]
async fn a_streaming_body_is_passed_on_as_it_comes() {
    for path in ["/plain", "/held"] {
        let chunks = Chunks::default();
        let (plain, held) = (chunks.clone(), chunks.clone());
        let app = init_service(
            App::new()
                .route(
                    "/plain",
                    web::get().to(move || {
                        let response = HttpResponse::Ok().message_body(plain.clone());
                        async { response }
                    }),
                )
                .route(
                    "/held",
                    web::get().to(move || {
                        let hold = Hold::stream("a");
                        let response = HttpResponse::Ok().hold(hold).message_body(held.clone());
                        async { response }
                    }),
                )
                .wrap(GripMiddleware::new(&grip())),
        )
        .await;
        let response = app.call(get(path).to_request()).await.unwrap();
        let mut body = pin!(response.into_body());
        assert_eq!(body.size(), BodySize::Stream);
        for text in ["one", "two"] {
            let nothing = poll_fn(|cx| Poll::Ready(body.as_mut().poll_next(cx).is_pending()));
            assert!(nothing.await);
            chunks.0.borrow_mut().push_back(text);
            let chunk = poll_fn(|cx| body.as_mut().poll_next(cx)).await;
            assert_eq!(chunk.unwrap().ok().unwrap(), text);
        }
        chunks.0.borrow_mut().push_back("");
        assert!(poll_fn(|cx| body.as_mut().poll_next(cx)).await.is_none());
    }
}

#[actix_web::test]
async fn a_streaming_body_is_collected_where_the_hold_travels_around_it() {
    let chunks = Chunks::default();
    chunks.0.borrow_mut().extend(["one", "two", ""]);
    let stream = move || {
        let hold = Hold::stream("a").in_body();
        let response = HttpResponse::Ok().hold(hold).message_body(chunks.clone());
        async { response }
    };
    let app = App::new()
        .route("/", web::get().to(stream))
        .wrap(GripMiddleware::new(&grip()));
    let answer = send(&init_service(app).await, get("/")).await;
    assert_eq!(answer.json()["response"]["body"], "onetwo");
}

#[actix_web::test]
async fn the_context_shows_what_a_proxy_says_and_nothing_else() {
    async fn show(cx: GripContext) -> impl Responder {
        let last: Vec<_> = cx
            .last()
            .iter()
            .map(|(channel, id)| format!("{channel}={id}"))
            .collect();
        format!(
            "{} {} {:?} {last:?}",
            cx.is_proxied(),
            cx.is_signed(),
            cx.features().collect::<Vec<_>>()
        )
    }
    let app = App::new()
        .route("/", web::get().to(show))
        .wrap(GripMiddleware::new(&grip_with_prefix("app-")));
    let app = init_service(app).await;
    let add = |request: TestRequest| {
        request
            .insert_header(("grip-feature", "status, link:next"))
            .append_header(("grip-last", "app-news; last-id=4"))
            .append_header(("grip-last", "other-news; last-id=5"))
    };
    assert_eq!(
        send(&app, add(get("/"))).await.text(),
        r#"true true ["status", "link:next"] ["news=4"]"#
    );
    assert_eq!(
        send(&app, add(direct("/"))).await.text(),
        "false false [] []"
    );
}

#[actix_web::test]
async fn a_context_that_is_optional_is_none_without_the_middleware() {
    let show = async |cx: Option<GripContext>| cx.is_some().to_string();
    let routes = || App::new().route("/", web::get().to(show));
    let app = init_service(routes()).await;
    assert_eq!(send(&app, get("/")).await.text(), "false");
    let app = init_service(routes().wrap(GripMiddleware::new(&grip()))).await;
    assert_eq!(send(&app, get("/")).await.text(), "true");

    let required = App::new().route("/", web::get().to(async |_: GripContext| ""));
    let answer = send(&init_service(required).await, get("/")).await;
    assert_eq!(answer.status, 500);
    assert!(
        answer
            .text()
            .contains("is GripMiddleware around this route?")
    );
    assert_eq!(
        answer.header(header::CONTENT_TYPE.as_str()),
        "text/plain; charset=utf-8"
    );
}
