//! The repositories of one connection: stored once a sync has completed, live before.

use chrono::TimeDelta;
use mooring_forge::{Face, Hold, Match};
use serde_json::{Value, json};

use super::rows;
use crate::world::run_test;

#[test]
fn live_before_the_first_sync_and_stored_after_it() {
    run_test(|w| async move {
        let owner = w.owner();
        for (provider, token) in [
            ("github", w.github_account("octo", 130)),
            ("gitlab", w.gitlab_account("tanuki", 130)),
        ] {
            // The walk of a sync is held; a live listing goes by other parameters.
            let walk = match provider {
                "github" => Match::face(Face::GitHub)
                    .path("/user/repos")
                    .page(2)
                    .query("per_page", "100"),
                _ => Match::face(Face::GitLab)
                    .path("/projects")
                    .query("pagination", "keyset"),
            };
            let gate = w.forge.gate(walk, Hold::BeforeWork);
            let id = owner.connect(provider, &token).await;
            gate.arrived(1).await;
            let path = format!("/git-connections/{id}/repositories");
            let live = owner.get(&format!("{path}?per_page=50")).await;
            assert_eq!(rows(&live).len(), 50);
            let body = live.json();
            assert_eq!(
                (&body["page"], &body["per_page"], &body["synced_at"]),
                (&json!(1), &json!(50), &json!(null))
            );
            let mut seen = rows(&live);
            let mut page = live;
            while let Some(next) = page.link("next") {
                page = owner.get(&next).await;
                seen.extend(rows(&page));
            }
            assert_eq!(distinct(&seen), 130, "{provider}");

            gate.open();
            owner.synced(&id).await;
            w.forge.clear_log();
            let mut page = owner.get(&format!("{path}?per_page=50")).await;
            let body = page.json();
            assert_eq!(body["total"], 130);
            assert!(body["synced_at"].is_string());
            let mut stored = rows(&page);
            while let Some(next) = page.link("next") {
                page = owner.get(&next).await;
                stored.extend(rows(&page));
            }
            assert_eq!((stored.len(), distinct(&stored)), (130, 130));
            assert_eq!(w.forge.count(&Match::any()), 0, "the provider is not asked");
            // Both speak of the same repositories in the same words.
            let by_id = |rows: &[Value]| {
                let mut rows = rows.to_vec();
                rows.sort_by_key(|row| row["id"].as_str().unwrap().to_owned());
                rows
            };
            assert_eq!(by_id(&stored), by_id(&seen), "{provider}");

            // What was made since is seen live alone.
            let login = if provider == "github" {
                "octo"
            } else {
                "tanuki"
            };
            w.forge.add_repositories(login, 1);
            let search = "search=repo-00131";
            let stored = owner.get(&format!("{path}?source=stored&{search}")).await;
            assert_eq!(rows(&stored).len(), 0);
            let live = owner.get(&format!("{path}?source=live&{search}")).await;
            assert_eq!(rows(&live).len(), 1, "{live}");
        }
    });
}

#[test]
fn a_search_finds_parts_of_names_whatever_their_case() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.gitlab_account("tanuki", 40);
        let id = owner.connect_and_sync("gitlab", &token).await;
        for source in ["stored", "live"] {
            let path = format!("/git-connections/{id}/repositories?source={source}");
            let found = owner.get(&format!("{path}&search=REPO-0001")).await;
            assert_eq!(rows(&found).len(), 10, "{source}");
            let found = owner.get(&format!("{path}&search=no-such")).await;
            assert_eq!(rows(&found).len(), 0, "{source}");
        }
        // What is special in SQL patterns is a character like any other.
        let found = owner
            .get(&format!(
                "/git-connections/{id}/repositories?search=repo%25"
            ))
            .await;
        assert_eq!(rows(&found).len(), 0);
        let found = owner
            .get(&format!("/git-connections/{id}/repositories?search=repo_0"))
            .await;
        assert_eq!(rows(&found).len(), 0);
    });
}

#[test]
fn a_live_listing_says_what_the_provider_refuses() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 3);
        let id = owner.connect_and_sync("github", &token).await;
        let path = format!("/git-connections/{id}/repositories?source=live");
        w.forge.set_remaining(Face::GitHub, "octo", 0);
        let limited = owner.get(&path).await;
        limited.problem(503, "provider_rate_limited");
        let seconds: u64 = limited.header("retry-after").unwrap().parse().unwrap();
        assert!((3500..=3601).contains(&seconds), "{seconds}");
        w.clock.advance(TimeDelta::minutes(61));
        let down =
            mooring_forge::Fault::on(Match::face(Face::GitHub), mooring_forge::Action::Reset);
        let down = w.forge.fault(down);
        owner.get(&path).await.problem(502, "provider_unreachable");
        w.forge.remove_fault(down);
        w.forge.revoke(&token);
        owner.get(&path).await.problem(422, "credential_refused");
    });
}

fn distinct(rows: &[Value]) -> usize {
    let mut ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.len()
}
