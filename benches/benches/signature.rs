//! See [`gripware_benches::signature`].

fn main() -> Result<(), gripware_benches::Error> {
    gripware_benches::time("signature", gripware_benches::signature::cases()?);
    Ok(())
}
