//! Somebody with the database, but without the keys, changes the log.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::world::{World, run_without_worker};

/// What is done to the log of ten entries, and where the check finds it.
const TAMPERINGS: [(&str, &str, i64); 11] = [
    (
        "changed metadata",
        "UPDATE activity SET metadata = '{\"changed_fields\": []}' WHERE sequence = 4",
        4,
    ),
    (
        "another actor",
        "UPDATE activity SET actor_name = 'Mallory' WHERE sequence = 7",
        7,
    ),
    (
        "another time",
        "UPDATE activity SET created_at = created_at - interval '1 second' WHERE sequence = 2",
        2,
    ),
    (
        "another hash",
        "UPDATE activity SET hash = decode(repeat('ab', 32), 'hex') WHERE sequence = 5",
        5,
    ),
    (
        "a missing entry",
        "DELETE FROM activity WHERE sequence = 6",
        6,
    ),
    (
        "a missing entry whose followers moved up",
        "DELETE FROM activity WHERE sequence = 6; \
         UPDATE activity SET sequence = -sequence WHERE sequence > 6; \
         UPDATE activity SET sequence = -sequence - 1 WHERE sequence < 0",
        6,
    ),
    (
        "a missing beginning",
        "DELETE FROM activity WHERE sequence = 1",
        1,
    ),
    (
        "a missing tail",
        "DELETE FROM activity WHERE sequence > 8",
        9,
    ),
    (
        "a missing tail and a head that fits",
        "DELETE FROM activity WHERE sequence > 8; \
         UPDATE activity_heads SET entries = 8, hash = (SELECT hash FROM activity WHERE sequence = 8)",
        0,
    ),
    (
        "two entries in each other's place",
        "UPDATE activity SET sequence = -1 WHERE sequence = 3; \
         UPDATE activity SET sequence = 3 WHERE sequence = 4; \
         UPDATE activity SET sequence = 4 WHERE sequence = -1",
        3,
    ),
    ("no entries", "DELETE FROM activity", 1),
];

#[test]
fn every_tampering_is_found_and_where() {
    run_without_worker(|w| async move {
        let owner = w.owner();
        let mut database = PgConnection::connect_with(&w.options).await.unwrap();
        for round in 0..10 {
            let body = json!({ "name": format!("Acme {round}") });
            owner.patch("", body).await.expect(200);
        }
        let sound = owner.get("/activity/verify").await.expect(200);
        assert_eq!(
            (&sound["ok"], &sound["entries"]),
            (&json!(true), &json!(10))
        );
        keep(&mut database).await;
        for (what, sql, first_bad) in TAMPERINGS {
            database.execute(AssertSqlSafe(sql)).await.unwrap();
            let found = owner.get("/activity/verify").await.expect(200);
            assert_eq!(found["ok"], false, "{what}: {found}");
            if first_bad == 0 {
                // Every entry that is left holds; the head alone was forged.
                assert!(found.get("first_bad").is_none(), "{what}: {found}");
            } else {
                assert_eq!(found["first_bad"], first_bad, "{what}: {found}");
            }
            restore(&mut database).await;
            let again = owner.get("/activity/verify").await.expect(200);
            assert_eq!(again, sound, "after {what}");
        }
    });
}

#[test]
fn an_entry_of_another_organization_does_not_fit() {
    run_without_worker(|w: std::sync::Arc<World>| async move {
        let other = crate::world::new_organization(&w.context, "Other").await;
        let theirs = w.member_of(other, shared::domain::organization::Role::Owner);
        let owner = w.owner();
        for caller in [&owner, &theirs] {
            for round in 0..3 {
                let body = json!({ "name": format!("Renamed {round}") });
                caller.patch("", body).await.expect(200);
            }
            caller.get("/activity/verify").await.expect(200);
        }
        let mut database = PgConnection::connect_with(&w.options).await.unwrap();
        let sql = format!(
            "DELETE FROM activity WHERE sequence = 2 AND organization_id = '{}'; \
             UPDATE activity SET organization_id = '{}' WHERE sequence = 2",
            w.organization, w.organization
        );
        database.execute(AssertSqlSafe(sql)).await.unwrap();
        for caller in [&owner, &theirs] {
            let found = caller.get("/activity/verify").await.expect(200);
            assert_eq!(
                (&found["ok"], &found["first_bad"]),
                (&json!(false), &json!(2))
            );
        }
    });
}

#[test]
fn the_application_itself_cannot_change_what_it_wrote() {
    run_without_worker(|w| async move {
        w.owner()
            .patch("", json!({ "name": "Renamed" }))
            .await
            .expect(200);
        let mut tx = w.context.db.tenant(w.organization).await.unwrap();
        let refused = tx.execute("UPDATE activity SET metadata = '{}'").await;
        let error = refused.unwrap_err();
        let code = error.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("42501"), "{error}");
    });
}

async fn keep(database: &mut PgConnection) {
    let sql = "CREATE TEMP TABLE kept AS TABLE activity; CREATE TEMP TABLE kept_heads AS TABLE activity_heads";
    database.execute(sql).await.unwrap();
}

async fn restore(database: &mut PgConnection) {
    let sql = "DELETE FROM activity; INSERT INTO activity SELECT * FROM kept; \
         DELETE FROM activity_heads; INSERT INTO activity_heads SELECT * FROM kept_heads";
    database.execute(sql).await.unwrap();
}
