//! Repositories over HTTP: synced, listed, searched, connected.

mod branches;
mod connected;
mod filters;
mod live;
mod partial;
mod progress;

use serde_json::{Value, json};

use crate::world::{Answer, Caller, run_test};

fn rows(answer: &Answer) -> Vec<Value> {
    answer.expect(200)["repositories"]
        .as_array()
        .unwrap()
        .clone()
}

async fn all(caller: &Caller) -> Vec<Value> {
    let mut page = caller.get("/repositories?per_page=100").await;
    let mut found = rows(&page);
    while let Some(next) = page.link("next") {
        page = caller.get(&next).await;
        found.extend(rows(&page));
    }
    found
}

#[test]
fn every_repository_of_both_providers_is_stored_and_a_second_run_adds_none() {
    run_test(|w| async move {
        let owner = w.owner();
        let github = owner
            .connect_and_sync("github", &w.github_account("octo", 250))
            .await;
        let gitlab = owner
            .connect_and_sync("gitlab", &w.gitlab_account("tanuki", 101))
            .await;
        let before = all(&owner).await;
        assert_eq!(before.len(), 351);
        for (id, count) in [(&github, 250), (&gitlab, 101)] {
            let runs = owner
                .get(&format!("/git-connections/{id}/syncs"))
                .await
                .expect(200);
            assert_eq!(runs["total"], 1);
            let first = &runs["syncs"][0];
            assert_eq!(
                (&first["trigger"], &first["status"]),
                (&json!("created"), &json!("succeeded"))
            );
            assert_eq!(
                (&first["found"], &first["added"]),
                (&json!(count), &json!(count))
            );

            let job = owner.sync(id).await;
            assert_eq!(job["status"], "succeeded");
            assert_eq!(
                (&job["kind"], &job["connection_id"]),
                (&json!("sync_connection"), &json!(id))
            );
            assert_eq!(job["requested_by"]["name"], "Olga Owner", "{job}");
            let result = &job["result"];
            assert_eq!(result["found"], count);
            for nothing in ["added", "updated", "removed"] {
                assert_eq!(result[nothing], 0, "{job}");
            }
            assert_eq!(result["complete"], true);
            let runs = owner
                .get(&format!("/git-connections/{id}/syncs"))
                .await
                .expect(200);
            assert_eq!(
                (&runs["total"], &runs["syncs"][0]["trigger"]),
                (&json!(2), &json!("manual"))
            );
            assert_eq!(owner.connection(id).await["repository_count"], count);
        }
        let after = all(&owner).await;
        let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&before), ids(&after));
    });
}

#[test]
fn renames_and_transfers_keep_our_id_and_what_is_gone_stays_readable() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 4);
        w.forge.add_user("mona");
        w.forge.edit(|state| {
            state.add_organization("acme", &[("octo", mooring_forge::Role::Owner)]);
        });
        let id = owner.connect_and_sync("github", &token).await;
        let before = all(&owner).await;
        let theirs: Vec<u64> = before
            .iter()
            .map(|row| {
                row["provider_repository_id"]
                    .as_str()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect();
        w.forge.edit(|state| {
            state.rename(theirs[0], "renamed");
            state.transfer(theirs[1], "acme");
            state.archive(theirs[2], true);
            state.delete(theirs[3]);
        });
        let job = owner.sync(&id).await;
        let result = &job["result"];
        let counts = [
            &result["found"],
            &result["added"],
            &result["updated"],
            &result["removed"],
        ];
        assert_eq!(
            counts,
            [&json!(3), &json!(0), &json!(3), &json!(1)],
            "{job}"
        );
        let mut found = Vec::new();
        for row in &before {
            let path = format!("/repositories/{}", row["id"].as_str().unwrap());
            found.push(owner.get(&path).await.expect(200));
        }
        assert_eq!(found[0]["full_name"], "octo/renamed");
        assert_eq!(found[1]["full_name"], "acme/repo-00002");
        assert_eq!(found[2]["archived"], true);
        assert!(found[3]["removed_at"].is_string(), "{}", found[3]);
        assert_eq!(all(&owner).await.len(), 3);
        let removed = owner.get("/repositories?removed=true").await;
        assert_eq!(rows(&removed).len(), 1);
        for (now, then) in found.iter().zip(&before) {
            assert_eq!(now["first_seen_at"], then["first_seen_at"]);
        }
    });
}

#[test]
fn a_stored_repository_has_every_field() {
    run_test(|w| async move {
        w.forge.add_user("octo");
        let spec = mooring_forge::RepositorySpec::named("tools")
            .description("Small ones")
            .language("Rust")
            .public()
            .branches(["trunk", "next"]);
        let theirs = w.forge.add_repository("octo", spec);
        let token = w.forge.mint(mooring_forge::TokenSpec::classic("octo"));
        let owner = w.owner();
        let id = owner.connect_and_sync("github", &token).await;
        let row = all(&owner).await.remove(0);
        let web = &w.served.github.web_url;
        for (field, value) in [
            ("provider_repository_id", json!(theirs.to_string())),
            ("connection_id", json!(id)),
            ("provider", json!("github")),
            ("name", json!("tools")),
            ("full_name", json!("octo/tools")),
            ("url", json!(format!("{web}/octo/tools"))),
            ("clone_url", json!(format!("{web}/octo/tools.git"))),
            ("private", json!(false)),
            ("is_private", json!(false)),
            ("default_branch", json!("trunk")),
            ("description", json!("Small ones")),
            ("language", json!("Rust")),
            ("archived", json!(false)),
            ("fork", json!(false)),
            ("has_write_access", json!(true)),
            ("removed_at", json!(null)),
        ] {
            assert_eq!(row[field], value, "{field}: {row}");
        }
        for field in [
            "id",
            "ssh_url",
            "pushed_at",
            "first_seen_at",
            "last_seen_at",
        ] {
            assert!(row[field].is_string(), "{field}: {row}");
        }
        assert!(row["size_kb"].is_i64());
        let path = format!("/repositories/{}", row["id"].as_str().unwrap());
        assert_eq!(owner.get(&path).await.expect(200), row);
    });
}
