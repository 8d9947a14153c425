//! Jobs over HTTP: listed, narrowed, walled off.

use serde_json::{Value, json};
use shared::domain::organization::Role;

use crate::world::{new_organization, run_test};

#[test]
fn jobs_are_listed_newest_first_and_narrowed() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 2);
        let id = owner.connect_and_sync("github", &token).await;
        let other = owner.connect_and_sync("github", &token).await;
        let last = owner.sync(&id).await;
        for field in ["created_at", "started_at", "finished_at", "run_at"] {
            assert!(last[field].is_string(), "{field}: {last}");
        }
        assert_eq!(
            (&last["attempt"], &last["error"], &last["repository_id"]),
            (&json!(1), &Value::Null, &Value::Null)
        );
        let all = owner.get("/jobs").await.expect(200);
        assert_eq!((&all["total"], &all["jobs"][0]), (&json!(3), &last));
        for (query, count) in [
            (format!("connection_id={id}"), 2),
            (format!("connection_id={other}"), 1),
            ("kind=sync_connection".to_owned(), 3),
            ("kind=validate_connection".to_owned(), 0),
            ("kind=no_such_kind".to_owned(), 0),
            ("status=succeeded".to_owned(), 3),
            ("status=failed".to_owned(), 0),
            (
                format!("status=succeeded&connection_id={other}&kind=sync_connection"),
                1,
            ),
        ] {
            let list = owner.get(&format!("/jobs?{query}")).await.expect(200);
            assert_eq!(list["jobs"].as_array().unwrap().len(), count, "{query}");
        }
        let first = owner.get("/jobs?per_page=2").await;
        let second = owner.get(&first.link("next").unwrap()).await;
        assert_eq!(second.expect(200)["jobs"].as_array().unwrap().len(), 1);
        assert!(second.link("next").is_none());
        let back = owner.get(&second.link("prev").unwrap()).await;
        assert_eq!(back.expect(200)["jobs"], first.expect(200)["jobs"]);

        let path = format!("/jobs/{}", last["id"].as_str().unwrap());
        assert_eq!(owner.get(&path).await.expect(200), last);
        // A cancel that comes too late changes nothing.
        assert_eq!(
            owner
                .post(&format!("{path}/cancel"), Value::Null)
                .await
                .expect(200),
            last
        );
        let stranger = w.member_of(new_organization(&w.context, "Other").await, Role::Owner);
        for answer in [
            stranger.get(&path).await,
            stranger.post(&format!("{path}/cancel"), Value::Null).await,
            stranger.post(&format!("{path}/retry"), Value::Null).await,
        ] {
            answer.problem(404, "not_found");
        }
        assert_eq!(stranger.get("/jobs").await.expect(200)["total"], 0);
    });
}
