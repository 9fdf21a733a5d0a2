//! Stream holds, which are appended to until they end.

use std::time::Duration;

use gripware_interop::{Layout, Site, escaped, for_each_site};

for_each_site! {
    a_stream_gets_every_item_in_the_order_of_publishing,
    a_stream_ends_where_an_item_says_so,
    the_first_bytes_are_the_handlers,
    a_stream_follows_all_of_its_channels,
    twenty_channels_are_followed,
    a_keep_alive_comes_while_nothing_else_does,
    a_keep_alive_may_have_any_characters,
    an_interval_keep_alive_comes_while_items_do,
    skip_self_spares_the_sender,
    skip_users_spares_those_who_are_listed,
    require_sub_asks_for_a_second_subscription,
    var_subst_puts_in_each_connections_own_meta,
    meta_may_have_any_printable_characters,
    unlike_filters_and_meta_of_other_clients_do_not_mix,
}

async fn a_stream_gets_every_item_in_the_order_of_publishing(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.get("/hold/stream?channel=news").await;
    assert_eq!(client.status(), 200);
    assert!(client.header("content-type").starts_with("text/plain"));
    assert!(
        client
            .headers()
            .keys()
            .all(|name| !name.as_str().starts_with("grip-"))
    );
    client.receives("[open]\n").await;

    for n in 1..=100 {
        site.publish(&format!(
            r#"{{"channel": "news", "http-stream": {{"content": "{n}\n"}}}}"#
        ))
        .await;
    }
    for n in 1..=100 {
        client.receives(format!("{n}\n")).await;
    }
    client.stays_quiet(Duration::from_millis(200)).await;
}

async fn a_stream_ends_where_an_item_says_so(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.get("/hold/stream?channel=news").await;
    client.receives("[open]\n").await;
    site.publish(r#"{"channel": "news", "http-stream": {"content": "last\n"}}"#)
        .await;
    site.publish(r#"{"channel": "news", "http-stream": {"action": "close"}}"#)
        .await;
    client.receives("last\n").await;
    client.ends().await;
}

async fn the_first_bytes_are_the_handlers(layout: Layout) {
    let site = Site::of(layout).await;
    let body = "first: é, ☃; \"quoted\"\r\n\t";
    let mut client = site
        .get(&format!("/hold/stream?channel=news&body={}", escaped(body)))
        .await;
    client.receives(body).await;
    client.stays_quiet(Duration::from_millis(100)).await;

    let mut client = site.get("/hold/stream?channel=news&body=").await;
    site.subscriptions("news", 2).await;
    site.publish(r#"{"channel": "news", "http-stream": {"content": "one\n"}}"#)
        .await;
    client.receives("one\n").await;
}

async fn a_stream_follows_all_of_its_channels(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.get("/hold/stream?channel=a&channel=b&channel=c").await;
    client.receives("[open]\n").await;
    for channel in ["c", "x", "a", "b"] {
        site.publish(&format!(
            r#"{{"channel": "{channel}", "http-stream": {{"content": "{channel}\n"}}}}"#
        ))
        .await;
    }
    client.receives("c\na\nb\n").await;
}

async fn twenty_channels_are_followed(layout: Layout) {
    let site = Site::of(layout).await;
    let channels: Vec<_> = (0..20).map(|n| format!("channel=c{n}")).collect();
    let mut client = site
        .get(&format!("/hold/stream?{}", channels.join("&")))
        .await;
    client.receives("[open]\n").await;
    for n in 0..20 {
        site.publish(&format!(
            r#"{{"channel": "c{n}", "http-stream": {{"content": "{n}\n"}}}}"#
        ))
        .await;
        client.receives(format!("{n}\n")).await;
    }
}

async fn a_keep_alive_comes_while_nothing_else_does(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site
        .get("/hold/stream?channel=news&keep_alive=.&keep_alive_timeout=2")
        .await;
    client.receives("[open]\n").await;
    // Pushpin sends it up to a second early.
    client.stays_quiet(Duration::from_millis(500)).await;
    client.receives("..").await;
}

async fn a_keep_alive_may_have_any_characters(layout: Layout) {
    let site = Site::of(layout).await;
    let contents = [
        ":\n\n",
        "a;b; format=raw; timeout=9",
        " spaces at both ends ",
        "\ttab\t",
        "back\\slash \\n \\x41",
        "\"quoted\", comma",
        "\0\u{1}\u{7f}\r",
        "é ☃ 🦀",
        "\\",
    ];
    for content in contents {
        let mut client = site
            .get(&format!(
                "/hold/stream?channel=news&keep_alive_timeout=1&keep_alive={}",
                escaped(content)
            ))
            .await;
        client.receives("[open]\n").await;
        client.receives(content).await;
    }
}

async fn an_interval_keep_alive_comes_while_items_do(layout: Layout) {
    let site = Site::of(layout).await;
    let open = async |mode| {
        let path = format!(
            "/hold/stream?channel=news&keep_alive=K&keep_alive_timeout=3&keep_alive_mode={mode}"
        );
        let mut client = site.get(&path).await;
        client.receives("[open]\n").await;
        client
    };
    let mut idle = open("idle").await;
    let mut interval = open("interval").await;
    for _ in 0..16 {
        site.publish(r#"{"channel": "news", "http-stream": {"content": "i"}}"#)
            .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let idle = idle.collects(Duration::from_millis(100)).await;
    assert_eq!(idle, "i".repeat(16));
    let interval = interval.collects(Duration::from_millis(100)).await;
    assert!(interval.contains(&b'K'), "{interval:?}");
}

async fn skip_self_spares_the_sender(layout: Layout) {
    let site = Site::of(layout).await;
    let mut anna = site
        .get("/hold/stream?channel=room&filter=skip-self&meta=user%3Danna")
        .await;
    let mut ben = site
        .get("/hold/stream?channel=room&filter=skip-self&meta=user%3Dben")
        .await;
    anna.receives("[open]\n").await;
    ben.receives("[open]\n").await;

    for sender in ["anna", "ben"] {
        site.publish(&format!(
            r#"{{"channel": "room", "meta": {{"sender": "{sender}"}},
                "http-stream": {{"content": "from {sender}\n"}}}}"#
        ))
        .await;
    }
    site.publish(r#"{"channel": "room", "http-stream": {"content": "end\n"}}"#)
        .await;
    anna.receives("from ben\nend\n").await;
    ben.receives("from anna\nend\n").await;
}

async fn skip_users_spares_those_who_are_listed(layout: Layout) {
    let site = Site::of(layout).await;
    let mut clients = Vec::new();
    for user in ["anna", "ben", "carl"] {
        let path = format!("/hold/stream?channel=room&filter=skip-users&meta=user%3D{user}");
        let mut client = site.get(&path).await;
        client.receives("[open]\n").await;
        clients.push(client);
    }
    site.publish(
        r#"{"channel": "room", "meta": {"skip_users": "anna,carl"},
            "http-stream": {"content": "for ben\n"}}"#,
    )
    .await;
    site.publish(r#"{"channel": "room", "http-stream": {"content": "end\n"}}"#)
        .await;
    let expected = ["end\n", "for ben\nend\n", "end\n"];
    for (client, expected) in clients.iter_mut().zip(expected) {
        client.receives(expected).await;
    }
}

async fn require_sub_asks_for_a_second_subscription(layout: Layout) {
    let site = Site::of(layout).await;
    let mut both = site
        .get("/hold/stream?channel=room&channel=vip&filter=require-sub")
        .await;
    let mut one = site
        .get("/hold/stream?channel=room&filter=require-sub")
        .await;
    both.receives("[open]\n").await;
    one.receives("[open]\n").await;

    site.publish(
        r#"{"channel": "room", "meta": {"require_sub": "vip"},
            "http-stream": {"content": "vip\n"}}"#,
    )
    .await;
    site.publish(r#"{"channel": "room", "http-stream": {"content": "end\n"}}"#)
        .await;
    both.receives("vip\nend\n").await;
    one.receives("end\n").await;
}

async fn var_subst_puts_in_each_connections_own_meta(layout: Layout) {
    let site = Site::of(layout).await;
    let mut anna = site
        .get("/hold/stream?channel=room&filter=var-subst&meta=user%3Danna&meta=seat%3D4")
        .await;
    let mut ben = site
        .get("/hold/stream?channel=room&filter=var-subst&meta=user%3Dben&meta=seat%3D7")
        .await;
    anna.receives("[open]\n").await;
    ben.receives("[open]\n").await;
    site.subscriptions("room", 2).await;

    site.publish(r#"{"channel": "room", "http-stream": {"content": "%(user)s at %(seat)s\n"}}"#)
        .await;
    anna.receives("anna at 4\n").await;
    ben.receives("ben at 7\n").await;
}

async fn meta_may_have_any_printable_characters(layout: Layout) {
    let site = Site::of(layout).await;
    for (n, value) in [
        "al\"ice",
        "back\\slash\\",
        "semi;colon, comma",
        "a=b",
        "'quoted'",
        " spaces ",
        "é ☃",
    ]
    .into_iter()
    .enumerate()
    {
        let channel = format!("room-{n}");
        let mut client = site
            .get(&format!(
                "/hold/stream?channel={channel}&filter=var-subst&meta=user%3D{}",
                escaped(value)
            ))
            .await;
        client.receives("[open]\n").await;
        site.subscriptions(&channel, 1).await;
        site.publish(&format!(
            r#"{{"channel": "{channel}", "http-stream": {{"content": "<%(user)s>\n"}}}}"#
        ))
        .await;
        client.receives(format!("<{value}>\n")).await;
    }
}

async fn unlike_filters_and_meta_of_other_clients_do_not_mix(layout: Layout) {
    let site = Site::of(layout).await;
    let mut filtered = site
        .get("/hold/stream?channel=room&filter=skip-self&filter=var-subst&meta=user%3Danna")
        .await;
    let mut plain = site.get("/hold/stream?channel=room").await;
    filtered.receives("[open]\n").await;
    plain.receives("[open]\n").await;

    site.publish(
        r#"{"channel": "room", "meta": {"sender": "anna"}, "http-stream": {"content": "1 %(user)s\n"}}"#,
    )
    .await;
    site.publish(r#"{"channel": "room", "http-stream": {"content": "2 %(user)s\n"}}"#)
        .await;
    filtered.receives("2 anna\n").await;
    plain.receives("1 %(user)s\n2 %(user)s\n").await;
}
