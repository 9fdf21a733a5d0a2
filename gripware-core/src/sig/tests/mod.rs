mod keys;
mod tokens;

/// A key of the tests, in PEM.
macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("../../../tests/keys/", $name, ".pem"))
    };
}
use pem;
