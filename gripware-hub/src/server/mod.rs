pub(crate) mod passthrough;
