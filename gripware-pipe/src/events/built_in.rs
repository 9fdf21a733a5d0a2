use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use serde_json::json;

use super::{Event, Events};

impl Events {
    /// The examples that are built into both ends of RestPipe. `side` is `server` or `client`.
    ///
    /// | request | answer |
    /// |---|---|
    /// | `GET /time` | `{"time_from_server": seconds}`, since 1970, with a fraction |
    /// | `GET /cat//hello%20/world` | `{"result_from_server": "hello world"}` |
    pub fn built_in(side: &str) -> Self {
        let time = format!("time_from_{side}");
        let result = format!("result_from_{side}");
        Self::new()
            .on(Method::GET, "time", move |_: Event| {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                let reply = json!({ time.as_str(): since.unwrap_or_default().as_secs_f64() });
                async move { reply }
            })
            .on(Method::GET, "cat", move |_: Event, a: String, b: String| {
                let reply = json!({ result.as_str(): a + &b });
                async move { reply }
            })
    }
}
