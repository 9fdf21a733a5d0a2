//! Whatever an origin answers is read without a panic: lines of headers, an empty line, a body. No
//! header for the proxy or of the connection is left for the client, and an error has one line.

use bytes::Bytes;
use gripware_core::{
    Limits, header,
    proxy::{Head, Instruction},
};
use http::{HeaderName, HeaderValue, Response};

/// The target. Whether the input is a good one.
pub fn instructions_read(input: &[u8]) -> bool {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&input[..end], &input[end + 2..]),
        None => (input, &b""[..]),
    };
    let mut response = Response::new(Bytes::copy_from_slice(body));
    for line in head.split(|byte| *byte == b'\n').take(100) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    let head = Instruction::read_head(response.status(), response.headers());
    match Instruction::read(&response) {
        Ok(None) => {
            assert!(matches!(head, Ok(Head::Plain)));
            false
        }
        Ok(Some(instruction)) => {
            assert!(matches!(head, Ok(Head::Held(_) | Head::InBody)));
            assert!(instruction.channels().len() <= Limits::default().channels);
            assert!(!instruction.response().status().is_informational());
            let visible = instruction.response().headers();
            assert!(!visible.keys().any(header::is_instruction));
            assert!(!visible.contains_key("content-length"));
            assert!(
                !instruction
                    .reason()
                    .unwrap_or_default()
                    .contains(['\r', '\n'])
            );
            true
        }
        Err(error) => {
            assert!(!error.to_string().contains(['\r', '\n']));
            false
        }
    }
}
