//! What gripware's programs have in common: settings from flags, variables and a file, values with
//! units, errors on one line, a log, signals, serving until one comes, and exit statuses.
//!
//! A program describes its settings as a [`clap::Parser`], and nothing else of them stands twice:
//! variables and the keys of the file have the flags' names.
//!
//! ```
//! use std::{collections::HashMap, time::Duration};
//!
//! use gripware_program::{parse, read};
//!
//! #[derive(clap::Parser)]
//! struct Settings {
//!     /// Where clients connect.
//!     #[arg(long, value_name = "ADDR", value_parser = parse::address)]
//!     listen: String,
//!     /// How long the end may take.
//!     #[arg(long, value_name = "TIME", value_parser = parse::time, default_value = "5s")]
//!     drain: Duration,
//! }
//!
//! let read = |flags: &[&str]| {
//!     let arguments = ["example"].iter().chain(flags).map(Into::into);
//!     read::<Settings>("EXAMPLE", arguments, HashMap::new())
//! };
//! let settings = read(&["--listen", "[::1]:80"])?.unwrap();
//! assert_eq!((settings.listen.as_str(), settings.drain.as_secs()), ("[::1]:80", 5));
//!
//! let missing = read(&[]).err().unwrap().to_string();
//! assert!(missing.starts_with("--listen is required (or EXAMPLE_LISTEN"));
//! let wrong = read(&["--listen", "[::1]:80", "--drain", "soon"]).err().unwrap();
//! assert!(wrong.to_string().starts_with("--drain: it has to be a number of seconds"));
//! # Ok::<(), gripware_program::ConfigError>(())
//! ```
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `hub` | no | [`environment`]: a hub inside of the program, and what several processes share |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-program/latest")]

#[cfg(unix)]
mod activation;
#[cfg(feature = "hub")]
pub mod environment;
mod error;
mod file;
mod listen;
mod log;
mod log_time;
pub mod parse;
mod run;
mod server;
mod settings;
mod signals;

#[cfg(unix)]
pub use self::listen::SocketFile;
pub use self::{
    error::{ConfigError, Failure},
    listen::Listener,
    log::LogFilter,
    run::{announce, block_on, exit},
    server::{DRAIN, Server, Stop},
    settings::{Given, explain, read},
    signals::{Asked, Signals},
};
