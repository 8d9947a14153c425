//! The end of an organization: everything of it goes, except its log.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row};

use crate::bad_input::rows;
use crate::world::{new_organization, run_test};
use mooring_forge::{Face, Match};
use shared::domain::organization::Role;

#[test]
fn the_chain_of_a_deleted_organization_lies_in_the_platforms_archive() {
    run_test(|w| async move {
        let owner = w.owner();
        let id = owner
            .connect_and_sync("github", &w.github_account("octo", 3))
            .await;
        let body = json!({ "connection_id": id, "full_name": "octo/repo-00001", "sast_enabled": true, "sca_enabled": false });
        owner
            .post("/connected-repositories", body)
            .await
            .expect(201);
        let program = owner.api_token(&["org.jobs.list"]).await;
        let export = owner.get("/activity/export").await;
        let export = String::from_utf8(export.bytes.to_vec()).unwrap();
        let lines: Vec<Value> = export
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        w.idle().await;

        owner.delete("").await.expect(204);
        owner.get("").await.problem(404, "not_found");
        owner
            .get("/git-connections")
            .await
            .problem(404, "not_found");
        program.get("/jobs").await.problem(401, "invalid_token");
        let admin = w.admin();
        let told = admin
            .get("/activity?event=organization_deleted")
            .await
            .expect(200);
        let told = &told["entries"][0];
        assert_eq!(told["subject"]["id"], json!(w.organization));
        assert_eq!(told["metadata"]["archived_entries"], lines.len() + 1);
        assert_eq!(admin.get("/activity/verify").await.expect(200)["ok"], true);

        let mut database = PgConnection::connect_with(&w.options).await.unwrap();
        let archive = sqlx::query("SELECT sequence, entry, encode(hash, 'hex') AS hash FROM activity_archive WHERE chain_organization_id = $1 ORDER BY sequence")
            .bind(w.organization.0)
            .fetch_all(&mut database)
            .await
            .unwrap();
        assert_eq!(archive.len(), lines.len() + 1);
        for (row, line) in archive.iter().zip(&lines) {
            let (sequence, entry, hash): (i64, Value, String) =
                (row.get("sequence"), row.get("entry"), row.get("hash"));
            assert_eq!(json!(sequence), line["sequence"]);
            assert_eq!(json!(hash), line["hash"], "the hashes that were exported");
            assert_eq!(
                (&entry["id"], &entry["event"], &entry["metadata"]),
                (&line["id"], &line["event"], &line["metadata"])
            );
        }
        let last: Value = archive.last().unwrap().get("entry");
        assert_eq!(last["event"], "organization_deleted");

        // Nothing else of it is left.
        let left = rows(&w).await;
        for table in [
            "connections",
            "credentials",
            "repositories",
            "connected_repositories",
            "sync_runs",
            "api_tokens",
            "members",
        ] {
            assert_eq!(left[table], 0, "{table}");
        }
        // Its id names nothing new.
        let again = json!({ "id": w.organization, "name": "Acme again" });
        admin
            .post("/api/v1/organizations", again)
            .await
            .problem(409, "organization_exists");
    });
}

#[test]
fn an_organization_may_end_in_the_middle_of_its_syncs() {
    run_test(|w| async move {
        let pages = Match::face(Face::GitHub).path("/user/repos");
        for round in 0..6 {
            let id = new_organization(&w.context, &format!("Round {round}")).await;
            let owner = w.member_of(id, Role::Owner);
            w.forge.clear_log();
            for account in 0..3 {
                let token = w.github_account(&format!("octo-{round}-{account}"), 1000);
                owner.connect("github", &token).await;
            }
            w.forge.wait_answered(&pages, 4 + round).await;
            let answer = owner.delete("").await;
            // Something may have been written into it at the same moment: it says so.
            if answer.status == 409 {
                answer.problem(409, "organization_busy");
                owner.delete("").await.expect(204);
            } else {
                answer.expect(204);
            }
            owner.get("").await.problem(404, "not_found");
        }
        let verified = w.admin().get("/activity/verify").await.expect(200);
        assert_eq!(verified["ok"], true);
    });
}
