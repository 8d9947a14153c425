//! Real processes, killed while deliveries come: what was accepted is stored, and acts once.
//! (`mooring bench webhooks --storm` does the same with twenty thousand and a crashing server.)

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mooring_forge::Scheme;
use serde_json::{Value, json};

use super::Hook;
use crate::processes::program::{KEYS, Program};
use crate::world::{Api, Setup, run_as, until};

const DELIVERIES: usize = 240;
const AT_ONCE: usize = 12;
const KILLS: usize = 4;

#[test]
fn whatever_is_killed_accepted_is_stored_and_acts_once() {
    let setup = Setup {
        keys: Some(KEYS.to_owned()),
        ..Setup::default()
    };
    run_as(setup, |w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 1);
        let first = Program::start(&w, &["worker"]);
        let connection = owner.connect_and_sync("github", &token).await;
        let stored = owner.get("/repositories").await.expect(200)["repositories"][0].clone();
        let body = json!({ "connection_id": connection, "full_name": stored["full_name"],
            "sast_enabled": true, "sca_enabled": true });
        owner
            .post("/connected-repositories", body)
            .await
            .expect(201);
        let hook = owner.hook(&connection, Scheme::GitHub).await;
        let told = super::send::github_repository(&stored);

        let mut api = Program::start(&w, &["api"]);
        let address = Arc::new(std::sync::Mutex::new(api.api().await));
        let next = Arc::new(AtomicUsize::new(0));
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            let (next, address, hook) = (next.clone(), address.clone(), hook.clone());
            let (told, at) = (told.clone(), w.clock.now());
            senders.spawn(async move {
                let mut accepted = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= DELIVERIES {
                        return accepted;
                    }
                    let push = json!({ "ref": format!("refs/heads/b{number}"), "before": "0", "after": format!("a{number}"),
                        "repository": told });
                    let letter = mooring_forge::Letter {
                        id: format!("delivery-{number}"),
                        event: "push".to_owned(),
                        body: push.to_string().into_bytes(),
                        at,
                    };
                    let headers = letter.headers(hook.scheme, &hook.secret);
                    loop {
                        let to: Api = address.lock().unwrap().clone();
                        let hook = Hook { api: to, ..hook.clone() };
                        if let Some(id) = answered(&hook, &letter, &headers).await {
                            accepted.push(id);
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            });
        }
        let mut worker = first;
        for kill in 1..=KILLS {
            until("deliveries under way", || async {
                (next.load(Ordering::Relaxed) > kill * DELIVERIES / (KILLS + 1)).then_some(())
            })
            .await;
            if kill % 2 == 0 {
                worker.kill().await;
                worker = Program::start(&w, &["worker"]);
            } else {
                api.kill().await;
                api = Program::start(&w, &["api"]);
                let anew = api.api().await;
                *address.lock().unwrap() = anew;
            }
        }
        let mut accepted: Vec<String> = Vec::new();
        while let Some(done) = senders.join_next().await {
            accepted.extend(done.unwrap());
        }
        accepted.sort();
        accepted.dedup();
        assert_eq!(accepted.len(), DELIVERIES);
        let rows = || async {
            let mut tx = w.context.db.tenant(w.organization).await.unwrap();
            let rows: Vec<(String, i16)> =
                sqlx::query_as("SELECT id::text, status FROM webhook_deliveries ORDER BY id::text")
                    .fetch_all(&mut *tx)
                    .await
                    .unwrap();
            rows
        };
        until("the last delivery's end", || async {
            rows()
                .await
                .iter()
                .all(|(_, status)| *status != 0)
                .then_some(())
        })
        .await;
        let rows = rows().await;
        assert!(rows.iter().all(|(_, status)| *status == 1), "{rows:?}");
        let ids: Vec<String> = rows.into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, accepted);
        let mut tx = w.context.db.tenant(w.organization).await.unwrap();
        let told: Vec<Value> =
            sqlx::query_scalar("SELECT data FROM outbox_events WHERE type = 'branch.synchronized'")
                .fetch_all(&mut *tx)
                .await
                .unwrap();
        let mut of: BTreeMap<String, usize> = BTreeMap::new();
        for data in &told {
            *of.entry(data["delivery_id"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        assert!(of.len() == DELIVERIES && of.values().all(|times| *times == 1));
        drop(tx);
        worker.kill().await;
        api.kill().await;
    });
}

/// The delivery's id where it was answered 202, whatever else may have come.
async fn answered(
    hook: &Hook,
    letter: &mooring_forge::Letter,
    headers: &[(String, String)],
) -> Option<String> {
    let client = crate::world::http_client();
    let mut request = client
        .post(format!("{}{}", hook.api.base, hook.path))
        .body(letter.body.clone());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.ok()?;
    if answer.status() != 202 {
        return None;
    }
    let body: Value = answer.json().await.ok()?;
    body["delivery_id"].as_str().map(str::to_owned)
}
