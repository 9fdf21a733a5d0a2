//! See [`gripware_benches::codec`].

fn main() -> Result<(), gripware_benches::Error> {
    gripware_benches::time("codec", gripware_benches::codec::cases()?);
    Ok(())
}
