//! How the API is asked, as high-templar's setting `REQUEST_KWARGS` has it: arguments of aiohttp.

use std::time::Duration;

use gripware_templar::Backend;
use serde::Deserialize;
use toml::{Table, Value};

/// One entry of the setting. Those that aiohttp has besides are refused, as they would do nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RequestArgument {
    /// How long an answer may take.
    Timeout(Duration),
    /// What the query of each request has.
    Params(Vec<(String, String)>),
    /// What is done in any case.
    Given,
}

/// aiohttp's `ClientTimeout` with a total alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientTimeout {
    total: f64,
}

/// Reads an entry as a line of TOML.
pub(crate) fn argument(text: &str) -> Result<RequestArgument, String> {
    let table: Table = text.parse().map_err(|_| "it is no line of TOML")?;
    let mut entries = table.into_iter();
    let (Some((name, value)), None) = (entries.next(), entries.next()) else {
        return Err("it has to be one argument".to_owned());
    };
    // A value is not shown: it may be a secret.
    let wrong = |what: &str| format!("{name}: {what}");
    match (&*name, value) {
        ("timeout", value) => timeout(value)
            .map(RequestArgument::Timeout)
            .ok_or_else(|| wrong("it has to be seconds, or { total = SECONDS }, above 0")),
        ("params", Value::Table(params)) => {
            let params: Option<_> = params.into_iter().map(param).collect();
            let params = params.ok_or_else(|| wrong("it has to be texts, numbers and booleans"))?;
            Ok(RequestArgument::Params(params))
        }
        ("params", _) => Err(wrong("it has to be an object")),
        ("allow_redirects", Value::Boolean(false))
        | ("ssl" | "verify_ssl" | "raise_for_status", Value::Boolean(true)) => {
            Ok(RequestArgument::Given)
        }
        ("allow_redirects", _) => Err(wrong(
            "redirects are not followed: the user's cookies would leave for elsewhere",
        )),
        ("ssl" | "verify_ssl", _) => Err(wrong(
            "certificates are checked: the variable SSL_CERT_FILE names the authority of an API of \
             one's own",
        )),
        ("headers" | "auth" | "cookies", _) => Err(wrong(
            "headers are for --headers, or CONNECTION_HEADERS: { fixed = TEXT }",
        )),
        _ => Err(wrong(
            "it would do nothing here; there are timeout, params, allow_redirects and ssl",
        )),
    }
}

/// Asks a backend with these arguments.
pub(crate) fn asked_with(backend: Backend, arguments: &[RequestArgument]) -> Backend {
    arguments
        .iter()
        .fold(backend, |backend, argument| match argument {
            RequestArgument::Timeout(timeout) => backend.timeout(*timeout),
            RequestArgument::Params(params) => params
                .iter()
                .fold(backend, |backend, (name, value)| backend.param(name, value)),
            RequestArgument::Given => backend,
        })
}

fn timeout(value: Value) -> Option<Duration> {
    let seconds = match value {
        // A time of more seconds is no limit.
        Value::Integer(seconds) => f64::from(i32::try_from(seconds).ok()?),
        Value::Float(seconds) => seconds,
        Value::Table(_) => value.try_into::<ClientTimeout>().ok()?.total,
        _ => return None,
    };
    let timeout = Duration::try_from_secs_f64(seconds).ok()?;
    (!timeout.is_zero()).then_some(timeout)
}

fn param((name, value): (String, Value)) -> Option<(String, String)> {
    let value = match value {
        Value::String(text) => text,
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => value.to_string(),
        _ => return None,
    };
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::{RequestArgument, argument};

    #[test]
    fn what_is_taken_is_read() {
        use std::time::Duration;

        let timeout = |seconds| Ok(RequestArgument::Timeout(Duration::from_secs_f64(seconds)));
        assert_eq!(argument("timeout = 5"), timeout(5.0));
        assert_eq!(argument("timeout = 0.5"), timeout(0.5));
        assert_eq!(argument("timeout = { total = 2.5 }"), timeout(2.5));
        let params = [("a", "b"), ("n", "1")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let params = Ok(RequestArgument::Params(params.into()));
        assert_eq!(argument("params = { a = \"b\", n = 1 }"), params);
        for given in ["allow_redirects = false", "ssl = true"] {
            assert_eq!(argument(given), Ok(RequestArgument::Given));
        }
    }

    #[test]
    fn what_would_do_nothing_is_refused_without_its_value() {
        for (text, what) in [
            ("timeout = 0", "seconds"),
            ("timeout = -1", "seconds"),
            ("timeout = nan", "seconds"),
            ("timeout = \"s3cret\"", "seconds"),
            ("timeout = { connect = 5 }", "seconds"),
            ("params = \"s3cret\"", "an object"),
            ("params = { a = [1] }", "texts"),
            ("ssl = false", "SSL_CERT_FILE"),
            ("allow_redirects = true", "redirects"),
            ("auth = { login = \"s3cret\" }", "CONNECTION_HEADERS"),
            ("proxy = \"http://s3cret@a/\"", "nothing here"),
        ] {
            let error = argument(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
