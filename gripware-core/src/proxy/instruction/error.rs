use thiserror::Error;

/// What a proxy cannot obey. Its client gets an unexplained 502.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a proxy would answer 502: {part} cannot be {value:?}: {why}")]
pub struct InstructionError {
    part: &'static str,
    value: String,
    why: &'static str,
}

impl InstructionError {
    pub(super) fn new(part: &'static str, value: &str, why: &'static str) -> Self {
        Self {
            part,
            value: value.chars().take(200).collect(),
            why,
        }
    }
}
