//! Secrets are write-only: a whole life is lived, errors included, and then every log line, every
//! answer and every row is searched for what was planted.

mod app;
mod dump;
mod life;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::world::{JWT_SECRET, Logs, Setup, run_as};

/// 32 bytes that are nowhere else.
const KEY: &[u8; 32] = b"Vq3-encryption-key-of-this-test!";

/// Something that may be found nowhere.
pub struct Planted {
    pub what: &'static str,
    pub text: String,
}

impl Planted {
    pub fn new(what: &'static str, text: impl Into<String>) -> Self {
        Self {
            what,
            text: text.into(),
        }
    }

    /// As it stands, and as somebody may have written it down.
    fn forms(&self) -> Vec<String> {
        let bytes = self.text.as_bytes();
        vec![
            self.text.clone(),
            hex::encode(bytes),
            STANDARD.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
        ]
    }

    /// How often it stands in a text, in any form.
    fn count_in(&self, text: &str) -> usize {
        let forms = self.forms();
        forms
            .iter()
            .map(|form| text.matches(form.as_str()).count())
            .sum()
    }
}

#[test]
fn no_log_line_no_answer_and_no_row_holds_a_secret() {
    let logs = Logs::everything();
    let setup = Setup {
        workers: 1,
        logs: Some(logs.clone()),
        keys: Some(format!("planted:{}", STANDARD.encode(KEY))),
        ..Setup::default()
    };
    run_as(setup, |w| async move {
        let lived = life::live(&w).await;
        w.idle().await;
        let answers = String::from_utf8(w.api.transcript()).unwrap();
        let database = dump::everything(&w).await;
        let lines = logs.text();

        // The search itself works, and there was something to search.
        let seen = Planted::new("a login", "octo");
        for text in [&answers, &database, &lines] {
            assert!(text.len() > 10_000, "{} bytes", text.len());
        }
        assert!(seen.count_in(&answers) > 10 && seen.count_in(&database) > 10);
        for word in ["request_id", "\"job\"", "DEBUG", "WARN"] {
            assert!(lines.contains(word), "nothing was logged about {word}");
        }

        let keys = [
            Planted::new("the HS256 secret", JWT_SECRET),
            Planted::new("the encryption key", std::str::from_utf8(KEY).unwrap()),
        ];
        for planted in lived.secrets.iter().chain(&keys) {
            for (place, text) in [
                ("the log", &lines),
                ("an answer", &answers),
                ("the database", &database),
            ] {
                let times = planted.count_in(text);
                assert_eq!(
                    times,
                    0,
                    "{} is in {place}: {}",
                    planted.what,
                    around(text, planted)
                );
            }
        }
        for token in &lived.shown_once {
            assert_eq!(token.count_in(&answers), 1, "{} is shown once", token.what);
            assert_eq!(
                token.count_in(&lines) + token.count_in(&database),
                0,
                "{}",
                token.what
            );
        }
    });
}

/// Where it was found, without showing it.
fn around(text: &str, planted: &Planted) -> String {
    let found = planted
        .forms()
        .into_iter()
        .find_map(|form| text.split_once(&form).map(|(before, _)| before.to_owned()));
    let before = found.unwrap_or_default();
    before
        .chars()
        .rev()
        .take(300)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect()
}
