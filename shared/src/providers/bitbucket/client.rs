//! One question to Bitbucket. Nothing is repeated here.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT, HeaderValue};
use http::{Request, Response};
use url::form_urlencoded;

use super::super::transport::{credential_header, failure, metered, no_answer, told, trusting};
use super::super::{Access, ErrorClass, ProviderError};
use super::errors;
use crate::clock::Clock;
use crate::outbound::{Outbound, rate_limit};

/// Asks Bitbucket.
pub(super) struct Client {
    outbound: Outbound,
    clock: Clock,
}

impl Client {
    pub(super) fn new(outbound: Outbound, clock: Clock) -> Self {
        Self { outbound, clock }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Asks for a path of the API, percent-encoded already, with an encoded query, empty for none.
    /// The answer is a success.
    pub(super) async fn get(
        &self,
        access: &Access,
        path: &str,
        query: &str,
    ) -> Result<Response<Bytes>, ProviderError> {
        let answer = self.ask(access, path, query).await?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(self.refusal(access, path, &answer))
        }
    }

    /// The same, whatever the answer's status.
    pub(super) async fn ask(
        &self,
        access: &Access,
        path: &str,
        query: &str,
    ) -> Result<Response<Bytes>, ProviderError> {
        let unbuildable = |error: String| failure(ErrorClass::Unexpected, error);
        let mut url = access
            .instance
            .api(path)
            .map_err(|error| unbuildable(error.to_string()))?;
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        let (name, value) = credential_header(access)?;
        let request = Request::get(url.as_str())
            .header(name, value)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .body(Bytes::new())
            .map_err(|error| unbuildable(error.to_string()))?;
        let request = trusting(request, &access.instance);
        let sent = metered(access, self.outbound.send(request), |answer| {
            let failed = !answer.status().is_success();
            let failure = failed.then(|| errors::classify(answer, self.now()));
            (rate_limit::bitbucket(answer.headers()), failure)
        });
        sent.await?.map_err(|error| no_answer(&error))
    }

    /// What an answer that is no success means.
    pub(super) fn refusal(
        &self,
        access: &Access,
        path: &str,
        answer: &Response<Bytes>,
    ) -> ProviderError {
        let mut error = errors::classify(answer, self.now());
        let status = answer.status().as_u16();
        let line = format!("GET {path} answered {status}: {}", error.detail);
        error.detail = told(access, &line);
        error
    }
}

/// Parameters as a query.
pub(super) fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    out.extend_pairs(pairs);
    out.finish()
}

/// A text of the query language, in its quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_inside_its_quotes() {
        assert_eq!(quoted("plain"), "\"plain\"");
        assert_eq!(quoted("x\" OR name ~ \"\\"), "\"x\\\" OR name ~ \\\"\\\\\"");
        assert_eq!(encoded(&[("q", "a&b=+ ")]), "q=a%26b%3D%2B+");
    }
}
