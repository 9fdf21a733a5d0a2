//! See [`gripware_benches::middleware`] and [`gripware_benches::middleware_actix`].

fn main() -> Result<(), gripware_benches::Error> {
    let mut cases = gripware_benches::middleware::cases()?;
    cases.extend(gripware_benches::middleware_actix::cases()?);
    gripware_benches::time("middleware", cases);
    Ok(())
}
