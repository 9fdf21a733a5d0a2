use gripware_interop::{Difference, Site};

use crate::{Expected, compare, origin::say, replaced, transcript::Transcript, without};

#[tokio::test]
async fn plain_requests_pass_through() {
    let play = async |site: &Site, log: &mut Transcript| {
        for (method, path) in [
            ("GET", "/plain"),
            ("GET", "/plain?a=b&c=%20%2F%25&d=é"),
            ("GET", "/plain/../x//y;z=1,2?"),
            ("HEAD", "/plain"),
            ("DELETE", "/plain"),
            ("OPTIONS", "/plain"),
            ("GET", "/nothing"),
            ("GET", "/plain?%61=%2D%2E%7E"),
        ] {
            let path = path.replace('é', "%C3%A9");
            let answer = site.request(method, &path).send().await;
            log.answer(&format!("{method} {path}"), answer).await;
        }
        for (method, body) in [("POST", "a body"), ("PUT", "x"), ("PATCH", "\0\r\n")] {
            let request = site.request(method, &say(200, &[], "done\n")).body(body);
            log.answer(method, request.send().await).await;
        }
        let long = "0123456789".repeat(50_000);
        let request = site.request("POST", &say(200, &[], "long\n")).body(long);
        log.answer("a long body", request.send().await).await;
    };
    let mut expected = expected();
    let escapes = replaced("?a=-.~", "?%61=%2D%2E%7E");
    expected.push(Expected::of_pushpin(Difference::ESCAPES, escapes));
    compare(play, expected).await;
}

#[tokio::test]
async fn a_clients_headers_reach_the_origin_but_for_the_proxys_own() {
    let play = async |site: &Site, log: &mut Transcript| {
        let request = site
            .request("GET", "/plain")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("authorization", "Bearer x")
            .header("x-own", "one, two")
            .header("x-own", "")
            .header("user-agent", "a client")
            .header("accept", "text/*")
            .header("if-none-match", "\"1\"")
            .header("range", "bytes=0-3")
            .header("te", "gzip, trailers")
            .header("content-encoding", "none")
            .header("keep-alive", "timeout=5")
            .header("grip-sig", "forged")
            .header("Grip-Feature", "everything")
            .header("grip-last", "news; last-id=1")
            .header("grip-of-my-own", "x");
        log.answer("with headers", request.send().await).await;
    };
    let mut expected = expected();
    let codings = replaced("  te: gzip, trailers\n", "  te: trailers\n");
    expected.push(Expected::of_pushpin(Difference::CLIENT_HEADERS, codings));
    expected.push(Expected::of_hub(Difference::CLIENT_HEADERS, |transcript| {
        let transcript = transcript.replace("  x-own: \n", "");
        transcript.replace("  content-encoding: none\n", "")
    }));
    compare(play, expected).await;
}

#[tokio::test]
async fn answers_reach_the_client_but_for_instructions() {
    let play = async |site: &Site, log: &mut Transcript| {
        for path in [
            say(
                200,
                &[
                    ("content-type", "text/plain"),
                    ("set-cookie", "a=1"),
                    ("set-cookie", "b=2"),
                ],
                "x",
            ),
            say(201, &[("location", "/elsewhere"), ("etag", "\"1\"")], ""),
            say(204, &[("x-own", "1")], ""),
            say(304, &[("etag", "\"1\"")], ""),
            say(404, &[("content-type", "application/json")], "{}"),
            say(503, &[("retry-after", "5")], "later"),
            say(200, &[("grip-of-my-own", "x"), ("x-own", "kept")], "x"),
            say(200, &[("grip-status", "404")], "not found, it says"),
            say(200, &[("grip-status", "404 Nope")], "x"),
            say(200, &[("grip-status", "304"), ("etag", "\"2\"")], ""),
            say(200, &[("grip-channel", "news")], "no hold"),
            say(
                200,
                &[("grip-timeout", "1"), ("grip-keep-alive", "x")],
                "no hold",
            ),
            say(
                200,
                &[
                    ("grip-expose-headers", "x-own"),
                    ("x-own", "1"),
                    ("x-other", "2"),
                ],
                "x",
            ),
        ] {
            log.answer(&path, site.get(&path).await).await;
        }
        let request = site.request("HEAD", &say(200, &[("x-own", "1")], "unseen"));
        log.answer("HEAD", request.send().await).await;
    };
    compare(play, expected()).await;
}

/// What differs in each request of a client as it comes to the origin.
pub(crate) fn expected<'a>() -> Vec<Expected<'a>> {
    let mut expected = of_the_proxy();
    expected.push(forwarded());
    expected
}

/// Who asks.
pub(crate) fn forwarded<'a>() -> Expected<'a> {
    let forwarded = &["  x-forwarded-for: 127.0.0.1", "  x-forwarded-proto: http"];
    Expected::of_hub(Difference::FORWARDED, without(forwarded))
}

/// What a proxy can do.
pub(crate) fn features<'a>() -> Expected<'a> {
    let features = |transcript: &str| {
        let links = transcript.replace(
            "grip-feature: status, session, link:next, filter:",
            "grip-feature: status, link:next, link:gone, filter:",
        );
        links.replace(
            "filter:var-subst\n",
            "filter:var-subst, subscribe:prev-id\n",
        )
    };
    Expected::of_pushpin(Difference::FEATURES, features)
}

/// What differs in each request that a proxy sends to the origin by itself.
pub(crate) fn of_the_proxy<'a>() -> Vec<Expected<'a>> {
    let accept = &["  accept-encoding: deflate", "  accept: */*"];
    vec![
        features(),
        Expected::of_pushpin(Difference::ACCEPT, without(accept)),
    ]
}
