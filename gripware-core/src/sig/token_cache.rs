//! A cache of verified tokens, so that most requests need no cryptography.
//!
//! A token carries whole seconds and nothing of the request: all tokens that a proxy signs with a
//! shared secret within one second are the same bytes. Only whole tokens that verified are cached.
//! A hit is compared byte by byte, and the caller checks its times again. Failures are not cached,
//! because an attacker chooses how many there are.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use super::claims::Claims;

/// Default number of tokens that a [`Verifier`](super::Verifier) caches: more than the hour that a
/// token is valid has seconds.
pub const DEFAULT_REMEMBERED: usize = 4096;

/// Upper bound on the cached tokens in bytes, whatever their number.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The end of a token, 96 bits of its signature. Only a holder of the key could make two tokens
/// that share it, and those would evict each other.
type Tail = [u8; 16];

pub(super) struct TokenCache {
    capacity: usize,
    tokens: RwLock<Tokens>,
}

#[derive(Default)]
struct Tokens {
    /// The newest, which is the one most likely to come again.
    last: Option<Arc<CachedToken>>,
    by_tail: HashMap<Tail, Arc<CachedToken>>,
    /// Oldest first.
    order: VecDeque<Tail>,
    bytes: usize,
}

struct CachedToken {
    token: Box<[u8]>,
    claims: Claims,
}

impl TokenCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            tokens: RwLock::default(),
        }
    }

    /// Returns what is asked of the claims of this token, if it is cached.
    pub(super) fn look_up<T>(&self, token: &[u8], ask: impl FnOnce(&Claims) -> T) -> Option<T> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let is_same = |cached: &&Arc<CachedToken>| *cached.token == *token;
        let cached = match tokens.last.as_ref().filter(is_same) {
            Some(last) => last,
            None => tokens.by_tail.get(token.last_chunk()?).filter(is_same)?,
        };
        Some(ask(&cached.claims))
    }

    /// Caches a token that verified, and evicts the oldest beyond the limits.
    pub(super) fn remember(&self, token: &[u8], claims: Claims) {
        let Some(tail) = token.last_chunk::<16>().copied() else {
            return;
        };
        if self.capacity == 0 {
            return;
        }
        let cached = Arc::new(CachedToken {
            token: token.into(),
            claims,
        });
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        let tokens = &mut *tokens;
        tokens.last = Some(Arc::clone(&cached));
        tokens.bytes += token.len();
        match tokens.by_tail.insert(tail, cached) {
            Some(replaced) => tokens.bytes -= replaced.token.len(),
            None => tokens.order.push_back(tail),
        }
        while tokens.order.len() > self.capacity || tokens.bytes > MAX_BYTES {
            let Some(oldest) = tokens.order.pop_front() else {
                break;
            };
            if let Some(forgotten) = tokens.by_tail.remove(&oldest) {
                tokens.bytes -= forgotten.token.len();
            }
        }
    }
}

/// Prints no token: whoever reads one can replay it.
impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cache: &TokenCache, token: &[u8]) -> Option<Claims> {
        cache.look_up(token, Claims::clone)
    }

    fn claims(expires: u64) -> Claims {
        Claims {
            issuer: None,
            expires,
            not_before: None,
        }
    }

    fn token(number: u64, length: usize) -> Vec<u8> {
        let mut token = vec![b'x'; length - 8];
        token.extend(number.to_be_bytes());
        token
    }

    #[test]
    fn only_the_whole_token_is_found_again() {
        let cache = TokenCache::new(8);
        let first = token(1, 100);
        cache.remember(&first, claims(1));
        cache.remember(&token(2, 100), claims(2));
        assert_eq!(found(&cache, &first), Some(claims(1)));

        let mut other = first.clone();
        other[0] = b'y';
        assert_eq!(found(&cache, &other), None);
        assert_eq!(found(&cache, &first[1..]), None);
        assert_eq!(found(&cache, &first[..8]), None);

        cache.remember(&other, claims(3));
        assert_eq!(found(&cache, &other), Some(claims(3)));
        assert_eq!(found(&cache, &first), None);
        assert_eq!(cache.tokens.read().unwrap().bytes, 200);
    }

    #[test]
    fn it_forgets_the_oldest_beyond_its_number() {
        let cache = TokenCache::new(3);
        for number in 1..=5 {
            cache.remember(&token(number, 100), claims(number));
        }
        let found: Vec<_> = (1..=5)
            .filter(|number| found(&cache, &token(*number, 100)).is_some())
            .collect();
        assert_eq!(found, [3, 4, 5]);
    }

    #[test]
    fn it_forgets_the_oldest_beyond_its_bytes() {
        let cache = TokenCache::new(usize::MAX);
        for number in 0..300 {
            cache.remember(&token(number, 8192), claims(number));
        }
        let tokens = cache.tokens.read().unwrap();
        assert_eq!(tokens.bytes, MAX_BYTES);
        assert_eq!(tokens.order.len(), 256);
        assert_eq!(tokens.by_tail.len(), 256);
    }

    #[test]
    fn without_capacity_nothing_is_remembered() {
        let cache = TokenCache::new(0);
        cache.remember(&token(1, 100), claims(1));
        assert_eq!(found(&cache, &token(1, 100)), None);
    }
}
