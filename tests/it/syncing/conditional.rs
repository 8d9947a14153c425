//! Pages that have not changed are not read again, and nothing goes wrong behind them.

use mooring_forge::{Access, Face, Hold, Match, RepositorySpec, TokenSpec};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{counts, names, sync_fully};
use crate::oauth::{connect, ready};
use crate::world::{run_test, until};

#[test]
fn an_unchanged_account_costs_nothing_at_github() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 250);
        let id = owner.connect_and_sync("github", &token).await;
        // A validation tells what is left, for one request of its own.
        let left = async || {
            let path = format!("/git-connections/{id}/validate");
            let answer = owner.post(&path, json!({})).await.expect(200);
            answer["rate_limit_remaining"].as_i64().unwrap()
        };
        let before = left().await;
        for _ in 0..2 {
            assert_eq!(counts(&owner.sync(&id).await), [250, 0, 0, 0, 3, 3]);
        }
        assert_eq!(left().await, before - 1);
        let runs = owner
            .get(&format!("/git-connections/{id}/syncs"))
            .await
            .expect(200);
        assert_eq!(runs["syncs"][0]["not_modified"], 3);

        // A full one reads everything.
        assert_eq!(counts(&sync_fully(&owner, &id).await), [250, 0, 0, 0, 3, 0]);
        assert_eq!(counts(&owner.sync(&id).await), [250, 0, 0, 0, 3, 3]);

        // Another token may see other repositories: what the former one was told does not hold.
        let other = w
            .forge
            .mint(TokenSpec::classic("octo").scopes(["repo", "read:org"]));
        let body = json!({ "api_token": other });
        owner
            .patch(&format!("/git-connections/{id}"), body)
            .await
            .expect(200);
        w.idle().await;
        assert_eq!(counts(&owner.sync(&id).await), [250, 0, 0, 0, 3, 3]);
        let seen = w
            .forge
            .requests(&Match::face(Face::GitHub).path("/user/repos"));
        let read = seen.iter().filter(|request| !request.conditional).count();
        assert_eq!(
            read,
            3 + 3 + 3,
            "the first, the full one, and the other token's first"
        );
    });
}

#[test]
fn changed_pages_are_read_and_removals_stay_right() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 250);
        let id = owner.connect_and_sync("github", &token).await;
        let ids: Vec<u64> = w.forge.read(|state| {
            let mut ids: Vec<u64> = state.repositories().map(|r| r.id).collect();
            ids.sort_unstable();
            ids
        });
        w.forge.edit(|state| state.rename(ids[150], "renamed"));
        assert_eq!(counts(&owner.sync(&id).await), [250, 0, 1, 0, 3, 2]);
        // The last one goes: the pages before it are as they were.
        w.forge.edit(|state| state.delete(ids[249]));
        assert_eq!(counts(&owner.sync(&id).await), [249, 0, 0, 1, 3, 2]);
        // The first one goes: every page moves.
        w.forge.edit(|state| state.delete(ids[0]));
        assert_eq!(counts(&owner.sync(&id).await), [248, 0, 0, 1, 3, 0]);
        // Full pages get a successor, which no page's body tells of.
        w.forge
            .edit(|state| state.add_repositories("octo", "more", 52));
        assert_eq!(counts(&owner.sync(&id).await), [300, 52, 0, 0, 3, 2]);
        w.forge
            .edit(|state| state.add_repositories("octo", "most", 1));
        assert_eq!(counts(&owner.sync(&id).await), [301, 1, 0, 0, 4, 3]);
        // The account shrinks: its former last page is empty.
        w.forge.edit(|state| {
            let last = state.repositories().map(|r| r.id).max().unwrap();
            state.delete(last);
        });
        assert_eq!(counts(&owner.sync(&id).await), [300, 0, 0, 1, 4, 3]);
        assert_eq!(counts(&owner.sync(&id).await), [300, 0, 0, 0, 3, 3]);
        w.forge.edit(|state| {
            for id in &ids[51..249] {
                state.delete(*id);
            }
        });
        assert_eq!(counts(&owner.sync(&id).await), [102, 0, 0, 198, 3, 0]);
        let after = counts(&owner.sync(&id).await);
        assert_eq!(after, [102, 0, 0, 0, 2, 2], "former pages are forgotten");
        assert_eq!(names(&owner).await.len(), 102);
    });
}

#[test]
fn what_was_changed_here_by_other_hands_is_mended() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 120);
        let id = owner.connect_and_sync("github", &token).await;
        let right = names(&owner).await;
        let mut by_hand = PgConnection::connect_with(&w.options).await.unwrap();
        for harm in [
            "UPDATE repositories SET full_name = 'wrong/name', last_changed_at = $now WHERE full_name = 'octo/repo-00007'",
            "UPDATE repositories SET removed_at = $now WHERE full_name = 'octo/repo-00007'",
            "DELETE FROM repositories WHERE full_name = 'octo/repo-00007'",
        ] {
            w.clock.advance(chrono::TimeDelta::seconds(1));
            let now = format!("'{}'", w.clock.now().to_rfc3339());
            let sql = harm.replace("$now", &now);
            by_hand.execute(AssertSqlSafe(sql)).await.unwrap();
            let [found, .., requests, not_modified] = counts(&owner.sync(&id).await);
            assert_eq!((found, requests, not_modified), (120, 2, 1), "{harm}");
            assert_eq!(names(&owner).await, right);
        }
        assert_eq!(counts(&owner.sync(&id).await), [120, 0, 0, 0, 2, 2]);
    });
}

/// Let `goes_on_from` of GitLab's adapter say yes to everything and this fails.
#[test]
fn a_walk_by_id_knows_where_pages_ended_and_sees_what_came_between() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.gitlab_account("tanuki", 150);
        w.forge.add_user("other");
        let others: Vec<u64> = (0..110)
            .map(|n| {
                w.forge
                    .add_repository("other", RepositorySpec::named(format!("of-other-{n:03}")))
            })
            .collect();
        w.forge.add_repositories("tanuki", 100);
        let id = owner.connect_and_sync("gitlab", &token).await;
        assert_eq!(counts(&owner.sync(&id).await), [250, 0, 0, 0, 4, 4]);

        // More than a page comes in between two ends of pages.
        let tanuki = w
            .forge
            .read(|state| state.owner_named("tanuki").unwrap().id);
        w.forge.edit(|state| {
            for id in &others {
                state
                    .repository_mut(*id)
                    .collaborators
                    .insert(tanuki, Access::Write);
            }
            state
                .user_mut(tanuki)
                .collaborations
                .extend(others.iter().copied());
        });
        let [found, added, updated, removed, requests, not_modified] =
            counts(&owner.sync(&id).await);
        assert_eq!((added, updated, removed), (110, 0, 0));
        assert!(found >= 360 && requests >= 4 && not_modified >= 1);
        assert_eq!(names(&owner).await.len(), 360);

        // And goes again.
        w.forge.edit(|state| {
            for id in &others {
                state.delete(*id);
            }
        });
        let [_, added, _, removed, ..] = counts(&owner.sync(&id).await);
        assert_eq!((added, removed), (0, 110));
        assert_eq!(names(&owner).await.len(), 250);
    });
}

/// Keep pages by the credential's version in place of its generation and this fails.
#[test]
fn a_renewed_token_is_shown_what_the_former_one_was_shown() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let id = connect(&owner, "gitlab", json!({})).await;
        owner.synced(&id).await;
        assert_eq!(counts(&owner.sync(&id).await), [3, 0, 0, 0, 2, 2]);
        w.clock.advance(chrono::TimeDelta::minutes(115));
        until("a renewal", || async {
            let connection = owner.connection(&id).await;
            (!connection["last_refreshed_at"].is_null()).then_some(())
        })
        .await;
        assert_eq!(counts(&owner.sync(&id).await), [3, 0, 0, 0, 2, 2]);
    });
}

/// Let `remove_unseen` take what changed after the run began and this fails.
#[test]
fn what_came_while_pages_were_read_stays() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.gitlab_account("tanuki", 150);
        let id = owner.connect_and_sync("gitlab", &token).await;
        let first = w
            .forge
            .read(|state| state.repositories().map(|r| r.id).min().unwrap());
        w.forge.edit(|state| state.delete(first));
        let listing = Match::face(Face::GitLab).path("/projects");
        let gate = w.forge.gate(listing, Hold::AfterWork);
        let path = format!("/git-connections/{id}/sync");
        let asked = owner.post(&path, json!({})).await;
        gate.arrived(1).await;
        // As the handler of a delivery does.
        w.clock.advance(chrono::TimeDelta::seconds(1));
        let mut by_hand = PgConnection::connect_with(&w.options).await.unwrap();
        let came = format!(
            "INSERT INTO repositories (organization_id, id, connection_id, provider_repository_id, provider, name, \
                full_name, url, clone_url, private, archived, fork, first_seen_at, last_changed_at) \
             SELECT organization_id, gen_random_uuid(), connection_id, '999999', provider, name, full_name || '-new', \
                url, clone_url, private, archived, fork, '{now}', '{now}' FROM repositories LIMIT 1",
            now = w.clock.now().to_rfc3339()
        );
        by_hand.execute(AssertSqlSafe(came)).await.unwrap();
        gate.open();
        let job = owner.job_ended(asked.header("location").unwrap()).await;
        let [_, added, _, removed, ..] = counts(&job);
        assert_eq!((added, removed), (0, 1));
        assert_eq!(names(&owner).await.len(), 150);
        // A listing that began later and does not show it is another matter.
        let [_, added, _, removed, ..] = counts(&owner.sync(&id).await);
        assert_eq!((added, removed), (0, 1));
        assert_eq!(names(&owner).await.len(), 149);
    });
}

/// Take `renewed_after` out of the sync's job and this fails.
#[test]
fn a_token_that_is_renewed_under_a_sync_does_not_end_it() {
    run_test(|w| async move {
        let (owner, _) = ready(&w).await;
        let id = connect(&owner, "gitlab", json!({})).await;
        owner.synced(&id).await;
        let listing = Match::face(Face::GitLab).path("/projects");
        let gate = w.forge.gate(listing, Hold::BeforeWork);
        let path = format!("/git-connections/{id}/sync");
        let asked = owner.post(&path, json!({})).await;
        gate.arrived(1).await;
        // GitLab ends the former access token at once.
        let path = format!("/api/v1/git-oauth/refresh/{id}");
        let renewed = owner.post(&path, json!({})).await.expect(200);
        assert_eq!(renewed["success"], true, "{renewed}");
        gate.open();
        let job = owner.job_ended(asked.header("location").unwrap()).await;
        assert_eq!(counts(&job)[0], 3);
        assert_eq!(owner.connection(&id).await["health"]["code"], "ok");
    });
}
