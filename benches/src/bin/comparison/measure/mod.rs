//! What is measured of a side.

pub(crate) mod channels;
pub(crate) mod deflate;
pub(crate) mod echo;
mod fan_out;
pub(crate) mod held;
mod json_message;
pub(crate) mod plain;
pub(crate) mod publish;
mod quiet;
mod slices;
pub(crate) mod soak;
pub(crate) mod stalled;
pub(crate) mod sustained;
pub(crate) mod sweep;

pub(crate) use self::{
    fan_out::{last_receipt, processor_each},
    slices::SliceTimes,
};
