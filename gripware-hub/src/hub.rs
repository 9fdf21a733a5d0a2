use std::sync::Arc;

use crate::inner::Inner;

/// A GRIP proxy in this process.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) inner: Arc<Inner>,
}
