//! Query strings, read and written back: pages link to pages.

use std::borrow::Cow;

use url::form_urlencoded;

/// The parameters of a request in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what follows the question mark.
    pub fn parse(raw: &str) -> Self {
        let pairs = form_urlencoded::parse(raw.as_bytes());
        Self(
            pairs
                .map(|(k, v)| (k.into_owned(), v.into_owned()))
                .collect(),
        )
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// Whether the parameter came at all.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// `true`, `1` and an empty value mean yes; an absent parameter is `None`.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)
            .map(|value| matches!(value, "" | "true" | "1"))
    }

    /// The same parameters with one set, in its old place where it has one.
    pub(crate) fn with(&self, name: &str, value: impl ToString) -> Self {
        let value = value.to_string();
        let mut pairs = self.0.clone();
        match pairs.iter_mut().find(|(key, _)| key == name) {
            Some(pair) => pair.1 = value,
            None => pairs.push((name.to_owned(), value)),
        }
        Self(pairs)
    }

    /// These parameters, then those.
    pub(crate) fn and(&self, more: Self) -> Self {
        let mut pairs = self.0.clone();
        pairs.extend(more.0);
        Self(pairs)
    }

    /// The same parameters without these.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let keep = |(key, _): &&(String, String)| !names.contains(&key.as_str());
        Self(self.0.iter().filter(keep).cloned().collect())
    }

    /// Written back.
    pub fn encode(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        out.extend_pairs(&self.0);
        out.finish()
    }
}

/// A path segment in its plain form.
pub(crate) fn decoded(segment: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy()
}
