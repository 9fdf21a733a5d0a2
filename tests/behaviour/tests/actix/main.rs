//! The behaviour of the adapter for actix-web.

#[path = "edges.rs"]
mod routes;

gripware_behaviour::behaviour!(async |grip| {
    let app = actix_web::App::new()
        .configure(conformance_actix::app(&grip))
        .wrap(gripware_actix::GripMiddleware::new(&grip));
    actix_web::test::init_service(app).await
});
gripware_behaviour::edges!(async |grip| {
    let app = actix_web::App::new()
        .configure(crate::routes::app)
        .wrap(gripware_actix::GripMiddleware::new(&grip));
    actix_web::test::init_service(app).await
});
