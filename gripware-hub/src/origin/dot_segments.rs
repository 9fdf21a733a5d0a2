//! Path traversal: what a client asks for stays below the origin's base path.

/// Returns `true` if dot segments may lead a path above the place where it begins.
///
/// Servers do not agree on what such a path means: they decode `%2e`, `%2f` and `%5c` before or after
/// they look for dot segments, or twice; take `\` for `/`; drop empty segments; cut parameters off
/// at `;`. So this counts in the way that leads furthest up, and a path that leaves under one reading
/// counts as leaving.
pub(super) fn leaves_base(path: &str) -> bool {
    let mut depth = 0_usize;
    for segment in path.split('/') {
        let decoded = decode(segment);
        let (mut parts, mut names) = (0, 0);
        for part in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
            parts += 1;
            match part.split(|byte| *byte == b';').next() {
                Some(b"..") => match depth.checked_sub(1) {
                    Some(above) => depth = above,
                    None => return true,
                },
                Some(b"" | b".") | None => {}
                Some(_) => names += 1,
            }
        }
        // Where a separator is in disguise, other readings have fewer names, or one that is no way
        // back down.
        if parts == 1 {
            depth += names;
        }
    }
    false
}

/// Undoes the escapes that matter here, however often they were made.
fn decode(segment: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(segment.len());
    for byte in segment.bytes() {
        decoded.push(byte);
        let Some([b'%', high, low]) = decoded.last_chunk() else {
            continue;
        };
        let byte = match [*high, low.to_ascii_lowercase()] {
            [b'2', b'5'] => b'%',
            [b'2', b'e'] => b'.',
            [b'2', b'f'] => b'/',
            [b'3', b'b'] => b';',
            [b'5', b'c'] => b'\\',
            _ => continue,
        };
        decoded.truncate(decoded.len() - 3);
        decoded.push(byte);
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_is_known_in_every_spelling() {
        for out in [
            "/..",
            "/../secret",
            "/./../secret",
            "//../secret",
            "/a/../../secret",
            "/a/./..//../secret",
            "/%2e%2e/secret",
            "/%2E./secret",
            "/.%2e/secret",
            "/%252e%252e/secret",
            "/%25252e./secret",
            "/..\\secret",
            "/..%5csecret",
            "/..%2fsecret",
            "/..%252fsecret",
            "/a%2f../../secret",
            "/a%2fb/../../secret",
            "/a\\b/../../secret",
            "/..;/secret",
            "/..;x=y/secret",
            "/..%3b/secret",
            // An empty name with parameters is a segment to some, and none to others.
            "/;x/..;",
            "/a/%2e%2e/%2e%2e",
        ] {
            assert!(leaves_base(out), "{out}");
        }
    }

    #[test]
    fn a_path_that_stays_is_left_alone() {
        for inside in [
            "/",
            "/a",
            "//a//b",
            "/a/../b",
            "/a/b/../..",
            "/...",
            "/..a/b",
            "/a..",
            "/.",
            "/%2e",
            "/a%2fb",
            "/100%",
            "/%2",
        ] {
            assert!(!leaves_base(inside), "{inside}");
        }
    }
}
