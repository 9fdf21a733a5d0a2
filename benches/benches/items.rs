//! See [`gripware_benches::items`].

fn main() -> Result<(), gripware_benches::Error> {
    gripware_benches::time("items", gripware_benches::items::cases()?);
    Ok(())
}
