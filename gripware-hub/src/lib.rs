//! A GRIP proxy inside the application, or as a program in front of it.

mod asker;
mod connection_id;
mod held;
mod hub;
mod inner;
mod kept;
mod looking;
mod metrics;
mod settings;
mod signature;
