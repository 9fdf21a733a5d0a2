use serde_json::{Value, json};

use crate::Peer;

/// One window of a real browser, Chromium, with a page open.
#[derive(Debug)]
pub struct Browser {
    peer: Peer,
    url: String,
}

impl Browser {
    /// Opens a page. The test's own servers have to run on other threads than the test, which waits
    /// for the browser's answers.
    ///
    /// # Panics
    /// Where the page is not there.
    #[must_use]
    pub fn open(url: &str) -> Self {
        let mut browser = Self {
            peer: Peer::browser(),
            url: url.to_owned(),
        };
        browser.reload();
        browser
    }

    /// Opens the page anew, in the same window and with the same cookies.
    ///
    /// # Panics
    /// Where the page is not there.
    pub fn reload(&mut self) {
        let answer = self.peer.ask("visit", &json!({"url": self.url}));
        assert_eq!(answer, Ok(json!(200)));
    }

    /// What the body of a function returns in the page.
    ///
    /// # Panics
    /// Where it throws.
    pub fn run(&mut self, script: &str) -> Value {
        let answer = self.peer.ask("evaluate", &json!({"script": script}));
        answer.unwrap_or_else(|error| panic!("{error} in {script}"))
    }

    /// Waits until a list in the page has as many entries, and compares them.
    ///
    /// # Panics
    /// Where they differ, also after some time.
    pub fn sees(&mut self, list: &str, expected: &Value) {
        let length = expected.as_array().map_or(0, Vec::len);
        let script = format!(
            "const start = Date.now();
             while ({list}.length < {length} && Date.now() - start < 20000) {{
               await new Promise((resume) => setTimeout(resume, 10));
             }}
             return {list};"
        );
        assert_eq!(&self.run(&script), expected);
    }

    /// Waits until an expression has this value in the page.
    ///
    /// # Panics
    /// Where it has another for longer than a machine is busy.
    pub fn comes_to(&mut self, expression: &str, expected: &Value) {
        let script = format!(
            "const start = Date.now(), expected = JSON.stringify({expected});
             while (JSON.stringify({expression}) !== expected && Date.now() - start < 30000) {{
               await new Promise((resume) => setTimeout(resume, 10));
             }}
             return {expression};"
        );
        assert_eq!(&self.run(&script), expected, "{expression}");
    }
}
