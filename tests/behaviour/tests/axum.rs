//! The behaviour of the adapter for axum.

gripware_behaviour::behaviour!(async |grip| conformance_axum::app(&grip));
