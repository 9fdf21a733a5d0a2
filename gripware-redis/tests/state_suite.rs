//! The suite of gripware-state, over a real Redis.

mod support;

use gripware_state::Backends;
use support::Server;

struct Fixture {
    backends: Backends,
    _server: Server,
}

async fn fixture() -> Fixture {
    let server = Server::start();
    Fixture {
        backends: server.backends(),
        _server: server,
    }
}

gripware_state::backend_suite!(fixture);
