//! Header values as Pushpin reads them, which is not as RFC 9110 says (GRIP 1.5).

use http::{HeaderMap, HeaderName};

use crate::header::trim_ows;

/// One element of a header: its first part, and the parameters behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) first: String,
    parameters: Vec<(String, String)>,
}

impl Element {
    /// Takes the first part raw, up to the first `;`.
    pub(super) fn raw(text: &str) -> Option<Self> {
        let (first, rest) = text.split_once(';').unwrap_or((text, ""));
        Some(Self {
            first: trim_ows(first).to_owned(),
            parameters: parameters(rest)?,
        })
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.parameters
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The elements of every header of this name. Those that are empty or broken are passed over.
pub(super) fn elements(headers: &HeaderMap, name: &HeaderName) -> Vec<Element> {
    list(headers, name)
        .iter()
        .filter_map(|element| Element::raw(element))
        .collect()
}

/// The first `key=value` of each element of every header of this name.
pub(super) fn pairs(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, String)> {
    list(headers, name)
        .iter()
        .filter_map(|element| parameters(element)?.into_iter().next())
        .collect()
}

/// Every header of this name, split at the commas that do not stand in quotes.
pub(super) fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let mut elements = Vec::new();
    for value in headers.get_all(name) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let (mut element, mut quoted, mut escaped) = (String::new(), false, false);
        for character in value.chars() {
            match character {
                ',' if !quoted => elements.push(std::mem::take(&mut element)),
                _ => {
                    quoted ^= character == '"' && !escaped;
                    escaped = quoted && character == '\\' && !escaped;
                    element.push(character);
                }
            }
        }
        elements.push(element);
    }
    let trimmed = elements.iter().map(|element| trim_ows(element).to_owned());
    trimmed.filter(|element| !element.is_empty()).collect()
}

/// `name`, `name=value` and `name="value"`, between semicolons. Nothing where one is broken.
fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    let mut rest = trim_ows(text);
    while !rest.is_empty() {
        let end = rest.find([';', '=']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at_checked(end)?;
        let (value, behind) = match behind.strip_prefix('=') {
            None => (String::new(), behind),
            Some(behind) => match behind.strip_prefix('"') {
                Some(quoted) => unquote(quoted)?,
                None => {
                    let (value, behind) =
                        behind.split_at_checked(behind.find(';').unwrap_or(behind.len()))?;
                    (trim_ows(value).to_owned(), behind)
                }
            },
        };
        if !trim_ows(name).is_empty() {
            parameters.push((trim_ows(name).to_owned(), value));
        }
        rest = match trim_ows(behind).strip_prefix(';') {
            Some(behind) => trim_ows(behind),
            None if trim_ows(behind).is_empty() => "",
            None => return None,
        };
    }
    Some(parameters)
}

/// What stands up to the closing quote, and what follows that.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(position + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn firsts(values: &[&str]) -> Vec<String> {
        let elements = elements(&headers(values), &HeaderName::from_static("x"));
        elements.into_iter().map(|element| element.first).collect()
    }

    #[test]
    fn names_are_taken_raw() {
        assert_eq!(firsts(&["a,b", "c"]), ["a", "b", "c"]);
        assert_eq!(firsts(&["a, ,b,"]), ["a", "b"]);
        assert_eq!(firsts(&[r#""a,b""#]), [r#""a,b""#]);
        assert_eq!(firsts(&["s p"]), ["s p"]);
        assert_eq!(firsts(&["a;b"]), ["a"]);
        assert_eq!(firsts(&["caf\u{e9}"]), ["caf\u{e9}"]);
        // Spaces are cut off, what other scripts take for one is not.
        assert_eq!(firsts(&["\u{2000}a\u{a0} "]), ["\u{2000}a\u{a0}"]);
    }

    #[test]
    fn a_broken_element_is_passed_over() {
        assert_eq!(firsts(&[r#"a; ;x, b; =y, c; f="x"#]), ["a", "b"]);
    }

    #[test]
    fn parameters_may_be_quoted() {
        let element = Element::raw(r#"a; f=1; f="2\";,"; g"#).unwrap();
        assert_eq!(element.all("f").collect::<Vec<_>>(), ["1", "2\";,"]);
        assert_eq!((element.get("g"), element.get("h")), (Some(""), None));
    }

    #[test]
    fn meta_is_cut_at_a_semicolon_unless_it_is_quoted() {
        let read = |value| pairs(&headers(&[value]), &HeaderName::from_static("x"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read(r#"user="al\"ice", x='1, y=a;b"#),
            [pair("user", "al\"ice"), pair("x", "'1"), pair("y", "a")]
        );
    }
}
