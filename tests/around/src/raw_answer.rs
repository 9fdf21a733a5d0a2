use std::collections::HashMap;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use crate::visitor::{Names, body_lines, header_line};

/// Reads one answer of HTTP/1.1: the status line, the headers in the order of their names and the
/// body, however it is cut into chunks. `None` where the connection has ended.
pub(crate) async fn read_answer(
    reader: &mut (impl AsyncBufRead + Unpin),
    is_head: bool,
    names: &Names,
) -> Option<Vec<String>> {
    let status = read_line(reader).await.filter(|line| !line.is_empty())?;
    let mut headers = Vec::new();
    let mut values = HashMap::new();
    loop {
        let line = read_line(reader).await.unwrap_or_default();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            panic!("{line} is no header, after {status} {headers:?}");
        };
        headers.push((name.to_owned(), value.trim_ascii().to_owned()));
        values.insert(
            name.to_ascii_lowercase(),
            value.trim_ascii().to_ascii_lowercase(),
        );
    }
    let body = if is_head {
        Vec::new()
    } else if values
        .get("transfer-encoding")
        .is_some_and(|it| it == "chunked")
    {
        read_chunks(reader).await
    } else if let Some(length) = values.get("content-length") {
        let mut body = vec![0; length.parse().expect("a length")];
        reader.read_exact(&mut body).await.expect("a whole body");
        body
    } else {
        let mut body = Vec::new();
        reader.read_to_end(&mut body).await.expect("a whole body");
        body
    };
    let mut lines = vec![status];
    let mut headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| header_line(name, value.as_bytes(), body.len(), names))
        .collect();
    headers.sort();
    lines.extend(headers);
    lines.extend(body_lines(&body, names));
    Some(lines)
}

async fn read_chunks(reader: &mut (impl AsyncBufRead + Unpin)) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let length = read_line(reader).await.expect("a chunk");
        let length = usize::from_str_radix(&length, 16).expect("a length");
        let start = body.len();
        body.resize(start + length, 0);
        reader
            .read_exact(&mut body[start..])
            .await
            .expect("a chunk");
        let end = read_line(reader).await;
        assert_eq!(end.as_deref(), Some(""), "the end of a chunk");
        if length == 0 {
            return body;
        }
    }
}

/// A line without its end; `None` at the end of all.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    let read = reader.read_until(b'\n', &mut line).await;
    if read.expect("a line") == 0 {
        return None;
    }
    let line = line.strip_suffix(b"\r\n").unwrap_or(&line);
    Some(line.escape_ascii().to_string())
}
