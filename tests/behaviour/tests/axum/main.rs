//! The behaviour of the adapter for axum.

#[path = "edges.rs"]
mod routes;

gripware_behaviour::behaviour!(async |grip| conformance_axum::app(&grip));
gripware_behaviour::edges!(async |grip| crate::routes::app(&grip));
