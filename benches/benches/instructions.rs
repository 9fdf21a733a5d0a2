//! See [`gripware_benches::instructions`].

fn main() -> Result<(), gripware_benches::Error> {
    gripware_benches::time("instructions", gripware_benches::instructions::cases()?);
    Ok(())
}
