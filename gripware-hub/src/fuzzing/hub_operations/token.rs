//! What is said to clients: each thing has a number of its own, and shows where it begins and ends.

/// One thing that is said to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An item, by its number, in one of its formats.
    Item(usize, Format),
    /// The body of an answer of the origin, by its number.
    Page(usize),
    /// What was stored for a response hold when it began, by the number of the client.
    Stored(usize),
    KeepAlive,
}

/// The format of an item, which shows for which kind of client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Stream,
    Response,
    Message,
}

impl Token {
    /// Writes it, with so many bytes that say nothing.
    pub(super) fn text(self, padding: usize) -> String {
        let dots = ".".repeat(padding);
        match self {
            Self::Item(number, format) => format!("[{}{number}{dots}]", format.letter()),
            Self::Page(number) => format!("[p{number}{dots}]"),
            Self::Stored(number) => format!("[h{number}{dots}]"),
            Self::KeepAlive => "[k]".to_owned(),
        }
    }

    /// Takes those that are whole from the beginning of `bytes`.
    pub(super) fn take_all(bytes: &mut Vec<u8>) -> Vec<Self> {
        let mut tokens = Vec::new();
        let mut start = 0;
        while let Some(length) = bytes[start..].iter().position(|byte| *byte == b']') {
            tokens.push(Self::read(&bytes[start..start + length]));
            start += length + 1;
        }
        bytes.drain(..start);
        assert!(bytes.first().is_none_or(|byte| *byte == b'['), "{bytes:?}");
        tokens
    }

    /// The one that `bytes` are, and nothing else.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut rest = bytes.to_vec();
        let tokens = Self::take_all(&mut rest);
        assert!(rest.is_empty() && tokens.len() == 1, "{tokens:?} {rest:?}");
        tokens[0]
    }

    fn read(bytes: &[u8]) -> Self {
        let text = str::from_utf8(bytes).unwrap();
        let text = text
            .strip_prefix('[')
            .unwrap_or_else(|| panic!("what is {text:?}?"))
            .trim_end_matches('.');
        let (kind, number) = text.split_at(1);
        if kind == "k" {
            assert_eq!(number, "");
            return Self::KeepAlive;
        }
        let number = number.parse().unwrap();
        match kind {
            "s" => Self::Item(number, Format::Stream),
            "r" => Self::Item(number, Format::Response),
            "m" => Self::Item(number, Format::Message),
            "p" => Self::Page(number),
            "h" => Self::Stored(number),
            _ => panic!("what is {text:?}?"),
        }
    }
}

impl Format {
    fn letter(self) -> char {
        match self {
            Self::Stream => 's',
            Self::Response => 'r',
            Self::Message => 'm',
        }
    }
}
