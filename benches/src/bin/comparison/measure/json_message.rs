use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

/// What is aimed at, in bytes.
const LENGTH: usize = 1024;

/// What is traded.
const SYMBOLS: [&str; 4] = ["ALPHA", "BRAVO", "CHARLIE", "DELTA"];

/// A JSON text of about 1 KiB, another one each time: ticks of a market, as such feeds have them.
pub(super) fn json_message() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = |below: u64| {
        // A linear congruential generator, whose higher bits are the better ones.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    let mut ticks = Vec::new();
    let mut length = 60;
    while length < LENGTH - 40 {
        let tick = json!({
            "id": next(10_000_000),
            "symbol": SYMBOLS.get(next(4) as usize),
            "price": next(1_000_000) as f64 / 100.0,
            "volume": next(50_000),
            "side": if next(2) == 0 { "buy" } else { "sell" },
        });
        length += tick.to_string().len() + 1;
        ticks.push(tick);
    }
    json!({"type": "ticks", "sequence": number, "ticks": ticks}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_about_1_kib_and_differ() {
        let (one, other) = (json_message(), json_message());
        assert_ne!(one, other);
        for message in [one, other] {
            assert!((900..=1_100).contains(&message.len()), "{}", message.len());
        }
    }
}
