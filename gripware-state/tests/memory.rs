//! The suite, over the backends in memory.

use gripware_state::Backends;

struct Fixture {
    backends: Backends,
}

async fn fixture() -> Fixture {
    Fixture {
        backends: Backends::memory(),
    }
}

gripware_state::backend_suite!(fixture);
