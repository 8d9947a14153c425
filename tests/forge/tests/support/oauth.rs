//! A client of OAuth as the tests need one: the way over the consent page, and forms to token endpoints.

use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use url::Url;

use super::{World, header};

pub const REDIRECT: &str = "https://mooring.example/auth/callback";
/// The vector of GitLab's documentation.
pub const VERIFIER: &str = "ks02i3jdikdo2k0dkfodf3m39rjfjsdk0wk349rj3jrhf";
pub const CHALLENGE: &str = "2i0WFA-0AerkjQm4X4oDEhqA17QIAKNjXpagHBXmO_U";

/// What the browser is sent back with.
pub struct Back(Url);

impl Back {
    pub fn read(answer: &Response) -> Self {
        assert_eq!(answer.status(), 302);
        Self(Url::parse(header(answer, "location")).expect("a URL"))
    }

    pub fn get(&self, name: &str) -> Option<String> {
        let mut pairs = self.0.query_pairs();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    pub fn code(&self) -> String {
        self.get("code").expect("a code")
    }

    pub fn error(&self) -> String {
        self.get("error").expect("an error")
    }

    /// Where to, without parameters.
    pub fn address(&self) -> String {
        let mut url = self.0.clone();
        url.set_query(None);
        url.to_string()
    }
}

impl World {
    /// Opens a consent page.
    pub async fn open(&self, url: &str, query: &[(&str, &str)]) -> Response {
        let url = Url::parse_with_params(url, query).expect("a URL");
        self.client.get(url).send().await.expect("an answer")
    }

    pub fn form(&self, url: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let request = self.client.post(url).form(form);
        request.header("accept", "application/json")
    }

    /// Posts a form; status and JSON.
    pub async fn post(&self, url: &str, form: &[(&str, &str)]) -> (u16, Value) {
        sent(self.form(url, form)).await
    }
}

pub async fn sent(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

/// A text of an answer.
pub fn text(body: &Value, name: &str) -> String {
    let text = body[name].as_str();
    text.unwrap_or_else(|| panic!("no {name} in {body}"))
        .to_owned()
}
