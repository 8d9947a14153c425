//! Whole deliveries to begin with: vendors' own where somebody has them, else the forge's.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::payload::{Happened, told};
use crate::face::Face;
use crate::forge::Forge;

/// The body of a delivery, and the event that it tells of.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Whose it is.
    pub face: Face,
    /// What it is called: the file's name, or the event's.
    pub name: String,
    /// The event, as the provider's header names it; Azure DevOps has none.
    pub event: String,
    /// As it is sent.
    pub body: Vec<u8>,
}

/// Examples of vendors in a folder, each provider's in one of its own (`github`, `gitlab`, `bitbucket`,
/// `azure`). None where there is no such folder.
pub fn examples(folder: &Path) -> Vec<Sample> {
    let mut all = Vec::new();
    for face in Face::ALL {
        let Ok(entries) = fs::read_dir(folder.join(face.to_string())) else {
            continue;
        };
        for entry in entries.flatten() {
            let Ok(body) = fs::read(entry.path()) else {
                continue;
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            let event = event_of(face, &name);
            all.push(Sample {
                face,
                name,
                event,
                body,
            });
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The event that an example's file is named after.
fn event_of(face: Face, name: &str) -> String {
    let stem = name.trim_end_matches(".json").trim_end_matches(".payload");
    let stem = stem.trim_start_matches("gpw.").trim_start_matches("goscm.");
    match face {
        Face::GitHub => stem.split('.').next().unwrap_or_default().to_owned(),
        Face::GitLab => "Push Hook".to_owned(),
        Face::Bitbucket => match stem {
            "pull-request-created" => "pullrequest:created".to_owned(),
            other => other.replace("repo-", "repo:"),
        },
        Face::Azure => String::new(),
    }
}

/// What the forge itself tells of, in the words of every provider.
pub fn samples() -> Vec<Sample> {
    let forge = Forge::default();
    forge.add_user("octo");
    let id = forge.add_repositories("octo", 1)[0];
    let sha = |digit: &str| Some(digit.repeat(40));
    let words = ["created", "renamed", "transferred", "archived", "edited"];
    let mut happened = vec![
        Happened::Push(id, "main".to_owned(), sha("a"), sha("b")),
        Happened::Push(id, "new".to_owned(), None, sha("b")),
        Happened::Push(id, "old".to_owned(), sha("a"), None),
    ];
    happened.extend(words.map(|word| Happened::Repository(id, word)));
    let mut all = Vec::new();
    forge.read(|state| {
        happened.extend(
            state
                .repository(id)
                .cloned()
                .map(|gone| Happened::Deleted(Box::new(gone))),
        );
        for face in Face::ALL {
            for one in &happened {
                let Some(told) = told(state, face, "https://git.example", one) else {
                    continue;
                };
                all.push(Sample {
                    face,
                    name: told.event.clone(),
                    event: if face == Face::Azure {
                        String::new()
                    } else {
                        told.event
                    },
                    body: with_the_rest(told.body).to_string().into_bytes(),
                });
            }
        }
    });
    all
}

/// Most of a real delivery is what nobody reads.
fn with_the_rest(mut body: Value) -> Value {
    let text = "Nothing of this is looked at, and most of a delivery is like that. ".repeat(4);
    body["commits"] = json!([{ "id": "c".repeat(40), "message": text, "timestamp": "2026-01-02T03:04:05Z",
        "added": ["package.json"], "modified": ["src/main.rs"], "removed": [] }]);
    body["message"] = json!({ "text": text });
    body
}
