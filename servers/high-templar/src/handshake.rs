//! Which headers of a handshake the backend sees, and under which names.

use gripware_core::header::trim_ows;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts};
use serde::Deserialize;

/// Where the value of a header to the backend comes from.
///
/// In a configuration file it is a table with one of these names:
/// `authorization = { format = "Token {}", of = { param = "token" } }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ConfiguredSource")]
#[non_exhaustive]
pub enum HeaderSource {
    /// A header of the handshake.
    Key(String),
    /// A parameter of the handshake's query.
    Param(String),
    /// A cookie.
    Cookie(String),
    /// Always the same.
    Fixed(String),
    /// The address of the client, as the proxy in front of us knows it. In a file: `address = true`.
    Address,
    /// The value of another source in the place of `{}`.
    Format {
        /// The text, such as `Token {}`.
        format: String,
        /// The value that stands for `{}`; without one there is no header.
        of: Box<HeaderSource>,
    },
}

/// A source as a configuration file has it.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum ConfiguredSource {
    Key(String),
    Param(String),
    Cookie(String),
    Fixed(String),
    Address(bool),
    #[serde(untagged)]
    Format {
        format: String,
        of: Box<HeaderSource>,
    },
}

impl TryFrom<ConfiguredSource> for HeaderSource {
    type Error = &'static str;

    fn try_from(source: ConfiguredSource) -> Result<Self, Self::Error> {
        Ok(match source {
            ConfiguredSource::Key(name) => Self::Key(name),
            ConfiguredSource::Param(name) => Self::Param(name),
            ConfiguredSource::Cookie(name) => Self::Cookie(name),
            ConfiguredSource::Fixed(value) => Self::Fixed(value),
            ConfiguredSource::Address(true) => Self::Address,
            ConfiguredSource::Address(false) => return Err("address is true, or left out"),
            ConfiguredSource::Format { format, of } => Self::Format { format, of },
        })
    }
}

/// The headers that the backend sees of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMapping(Vec<(HeaderName, HeaderSource)>);

impl Default for HeaderMapping {
    /// Those of high-templar 3.1.0: `Cookie` and `User-Agent` as they are, the client's address as
    /// `X-Real-IP`, the cookie `csrftoken` as `X-CSRFToken`, and the parameter `token` as
    /// `Authorization: Token …`.
    fn default() -> Self {
        use HeaderSource::{Address, Cookie, Format, Key, Param};

        let token = Format {
            format: "Token {}".to_owned(),
            of: Box::new(Param("token".to_owned())),
        };
        Self(vec![
            (header::COOKIE, Key("cookie".to_owned())),
            (header::USER_AGENT, Key("user-agent".to_owned())),
            (HeaderName::from_static("x-real-ip"), Address),
            (
                HeaderName::from_static("x-csrftoken"),
                Cookie("csrftoken".to_owned()),
            ),
            (header::AUTHORIZATION, token),
        ])
    }
}

impl HeaderMapping {
    /// Adds a header, in place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: HeaderName, source: HeaderSource) -> Self {
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, source));
        self
    }

    /// The headers to the backend. What has no value, or one that no header can have, is left out.
    pub(crate) fn apply(&self, handshake: &Parts) -> HeaderMap {
        let headers = self.0.iter().filter_map(|(name, source)| {
            let value = source.value(&handshake.headers, &handshake.uri)?;
            Some((name.clone(), HeaderValue::try_from(value).ok()?))
        });
        headers.collect()
    }
}

impl HeaderSource {
    fn value(&self, headers: &HeaderMap, uri: &Uri) -> Option<String> {
        let value = match self {
            Self::Key(name) => text(headers, name)?.to_owned(),
            Self::Param(name) => {
                let query = uri.query()?.as_bytes();
                let mut pairs = form_urlencoded::parse(query);
                pairs.find(|(key, _)| key == name)?.1.into_owned()
            }
            Self::Cookie(name) => cookie(headers, name)?.to_owned(),
            Self::Fixed(value) => value.clone(),
            Self::Address => address(headers)?.to_owned(),
            Self::Format { format, of } => format.replacen("{}", &of.value(headers, uri)?, 1),
        };
        (!value.is_empty()).then_some(value)
    }
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| trim_ows(key) == name)?;
    let value = trim_ows(value);
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    Some(quoted.unwrap_or(value))
}

/// The last address of `X-Forwarded-For`, which the proxy in front of us has added; or
/// `X-Real-IP`, where a server in front sets that one alone.
fn address(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all("x-forwarded-for").iter();
    let last = lines.filter_map(|line| line.to_str().ok()).next_back();
    let last = last.and_then(|line| line.rsplit(',').next()).map(trim_ows);
    last.or_else(|| text(headers, "x-real-ip"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, Request};

    use super::{HeaderMapping, HeaderSource};

    fn mapped(mapping: &HeaderMapping, uri: &str, headers: &[(&str, &str)]) -> HeaderMap {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        mapping.apply(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_backend_sees_what_high_templar_shows_it() {
        let headers = mapped(
            &HeaderMapping::default(),
            "/ws/?a=b&token=t%20k",
            &[
                ("cookie", "sessionid=s; csrftoken=c"),
                ("user-agent", "agent"),
                ("x-forwarded-for", "10.0.0.1, 192.0.2.7"),
                ("origin", "https://elsewhere"),
            ],
        );
        let expected = [
            ("cookie", "sessionid=s; csrftoken=c"),
            ("user-agent", "agent"),
            ("x-real-ip", "192.0.2.7"),
            ("x-csrftoken", "c"),
            ("authorization", "Token t k"),
        ];
        assert_eq!(headers.len(), expected.len());
        for (name, value) in expected {
            assert_eq!(headers[name], value, "{name}");
        }
    }

    #[test]
    fn what_has_no_value_is_left_out() {
        assert!(mapped(&HeaderMapping::default(), "/ws/?token=", &[]).is_empty());
        let bad = mapped(&HeaderMapping::default(), "/ws/?token=%0d%0aX:1", &[]);
        assert!(bad.is_empty(), "{bad:?}");
    }

    fn source(text: &str) -> Result<HeaderSource, toml::de::Error> {
        let mut table: toml::Table = text.parse().unwrap();
        table.remove("x").unwrap().try_into()
    }

    #[test]
    fn a_rule_is_data() {
        let value = |rule: &str| {
            let name = HeaderName::from_static("x-own");
            let mapping = HeaderMapping::default().with(name, source(rule).unwrap());
            let headers = [
                ("cookie", "theme=dark"),
                ("x-forwarded-for", "192.0.2.7"),
                ("accept-language", "eo"),
            ];
            mapped(&mapping, "/ws/?tenant=t", &headers)["x-own"].clone()
        };
        assert_eq!(value(r#"x = { key = "Accept-Language" }"#), "eo");
        assert_eq!(value(r#"x = { param = "tenant" }"#), "t");
        assert_eq!(value(r#"x = { cookie = "theme" }"#), "dark");
        assert_eq!(value(r#"x = { address = true }"#), "192.0.2.7");
        let format = r#"x = { format = "a {} b", of = { fixed = "{}" } }"#;
        assert_eq!(value(format), "a {} b");
        for wrong in [
            "x = { address = false }",
            "x = { none = 1 }",
            "x = 'address'",
        ] {
            assert!(source(wrong).is_err(), "{wrong}");
        }
    }
}
