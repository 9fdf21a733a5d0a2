fn main() {
    let t = std::time::Instant::now();
    for _ in 0..1_000_000 {
        std::hint::black_box(std::time::SystemTime::now());
    }
    println!("clock {:?}/M", t.elapsed());
    println!("cx {}", size_of::<gripware_core::GripContext>());
    println!("hold {}", size_of::<gripware_core::Hold>());
    println!("response {}", size_of::<http::Response<axum::body::Body>>());
    println!("parts {}", size_of::<http::response::Parts>());
    println!("holderr {}", size_of::<gripware_core::HoldError>());
    println!(
        "future {}",
        size_of::<
            gripware_axum::ResponseFuture<
                axum::routing::future::RouteFuture<std::convert::Infallible>,
                axum::body::Body,
            >,
        >()
    );
    println!(
        "routefuture {}",
        size_of::<axum::routing::future::RouteFuture<std::convert::Infallible>>()
    );
    let mut h = http::HeaderMap::new();
    for (n, v) in [
        ("host", "a"),
        ("user-agent", "b"),
        ("accept", "c"),
        ("accept-language", "d"),
    ] {
        h.insert(n, http::HeaderValue::from_static(v));
    }
    let t = std::time::Instant::now();
    for _ in 0..1_000_000 {
        std::hint::black_box(std::hint::black_box(&h).get(gripware_core::header::GRIP_SIG));
    }
    println!("get grip-sig {:?}/M", t.elapsed());
    let t = std::time::Instant::now();
    for _ in 0..1_000_000 {
        std::hint::black_box(gripware_core::is_websocket_events(std::hint::black_box(&h)));
    }
    println!("is_ws {:?}/M", t.elapsed());
    let t = std::time::Instant::now();
    for _ in 0..1_000_000 {
        std::hint::black_box(vec![0u8; std::hint::black_box(100)]);
    }
    println!("malloc 100 {:?}/M", t.elapsed());
    let t = std::time::Instant::now();
    for _ in 0..1_000_000 {
        std::hint::black_box(Vec::<u8>::with_capacity(std::hint::black_box(1100)));
    }
    println!("malloc 1100 {:?}/M", t.elapsed());
    let p = std::sync::Arc::new(gripware_core::Policy::new());
    let now = std::time::SystemTime::now();
    let t = std::time::Instant::now();
    for _ in 0..1_000_000 {
        std::hint::black_box(p.admit(std::hint::black_box(&h), || now));
    }
    println!("admit {:?}/M", t.elapsed());
    let cx = p.admit(&h, || now);
    let t = std::time::Instant::now();
    for _ in 0..1_000_000 {
        std::hint::black_box(std::hint::black_box(&cx).clone());
    }
    println!("cx clone {:?}/M", t.elapsed());
}
