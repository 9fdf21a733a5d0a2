//! The applications: as somebody has them in production who has not heard of gripware.

mod actix;
mod axum;
mod files;
mod python;

pub use self::{actix::Actix, axum::Axum, files::Files, python::Python};
