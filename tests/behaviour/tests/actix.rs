//! The behaviour of the adapter for actix-web.

gripware_behaviour::behaviour!(async |grip| {
    let app = actix_web::App::new()
        .configure(conformance_actix::app(&grip))
        .wrap(gripware_actix::GripMiddleware::new(&grip));
    actix_web::test::init_service(app).await
});
