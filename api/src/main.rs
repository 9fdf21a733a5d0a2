//! Writes the public API of a crate as text, one item a line, from rustdoc's JSON.
//!
//! Auto traits and blanket implementations are left out: they are the same for nearly every type,
//! and would hide what changed.

use std::{env, error::Error};

use public_api::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let json = env::args().nth(1).ok_or("usage: gripware-api FILE.json")?;
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    print!("{api}");
    Ok(())
}
