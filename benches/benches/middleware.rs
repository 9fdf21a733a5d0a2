//! See [`gripware_benches::middleware`].

fn main() -> Result<(), gripware_benches::Error> {
    gripware_benches::time("middleware", gripware_benches::middleware::cases()?);
    Ok(())
}
