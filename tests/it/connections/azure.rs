//! Azure DevOps: an organization, its token, its projects and repositories.

use mooring_forge::{Action, Canned, Face, Fault, Match, RepositorySpec, SignIn, TokenSpec};
use serde_json::{Value, json};

use crate::world::{Caller, World, run_test, until};

/// An organization with repositories in two projects and an empty one, and a token for it.
fn organization(w: &World, name: &str) -> String {
    w.forge.add_user(name);
    w.forge.add_repositories(name, 3);
    let branches = (0..120).map(|number| format!("feature/{number:03}"));
    for spec in [
        RepositorySpec::named("the boat")
            .branches(["trunk".to_owned()].into_iter().chain(branches)),
        RepositorySpec::named("void").branches(Vec::<String>::new()),
        RepositorySpec::named("closed").archived(),
    ] {
        w.forge.add_repository(name, spec.project("Sea & Shore"));
    }
    w.forge.mint(TokenSpec::azure(name))
}

fn body(organization: &str, token: &str) -> Value {
    let mut body = Caller::body("azure_devops", token);
    body["azure_organization"] = json!(organization);
    body
}

async fn connect(owner: &Caller, organization: &str, token: &str) -> String {
    let answer = owner
        .post("/git-connections", body(organization, token))
        .await;
    let id = answer.expect(201)["id"].as_str().unwrap().to_owned();
    owner.synced(&id).await;
    id
}

#[test]
fn an_organization_is_connected_and_its_repositories_are_listed() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = organization(&w, "fabrikam");
        let mut wanted = body(" fabrikam ", &format!("\n{token} "));
        wanted["base_url"] = json!(w.served.azure.url);
        let tested = owner
            .post("/git-connections/test", wanted.clone())
            .await
            .expect(200);
        assert_eq!(
            (&tested["valid"], &tested["username"]),
            (&json!(true), &json!("fabrikam@example.com"))
        );
        let made = owner.post("/git-connections", wanted).await.expect(201);
        let id = made["id"].as_str().unwrap();
        for (field, value) in [
            ("provider", json!("azure_devops")),
            ("status", json!("active")),
            ("base_url", json!(w.served.azure.url)),
            ("username", json!("fabrikam@example.com")),
            ("scopes", json!(null)),
            ("missing_scopes", json!([])),
            ("token_expires_at", json!(null)),
        ] {
            assert_eq!(made[field], value, "{field}: {made}");
        }
        // Before the first sync has ended as after it.
        let path = format!("/git-connections/{id}/repositories");
        let live = owner
            .get(&format!("{path}?source=live&search=BOAT"))
            .await
            .expect(200);
        assert_eq!(live["total"], 1);
        owner.synced(id).await;
        assert_eq!(owner.connection(id).await["repository_count"], 6);
        let stored = owner
            .get(&format!("{path}?source=stored&search=boat"))
            .await
            .expect(200);
        let boat = &stored["repositories"][0];
        assert_eq!(boat, &live["repositories"][0]);
        assert_eq!(boat["full_name"], "fabrikam/Sea & Shore/the boat");
        assert_eq!(boat["default_branch"], "trunk");
        assert_eq!(
            boat["clone_url"],
            format!(
                "{}/fabrikam/Sea%20&%20Shore/_git/the%20boat",
                w.served.azure.url
            )
        );
        assert!(!made.to_string().contains(&token));
    });
}

#[test]
fn branches_by_pages_and_by_search() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = organization(&w, "fabrikam");
        let id = connect(&owner, "fabrikam", &token).await;
        let of = |name: &str| {
            format!("/git-connections/{id}/branches?repo=fabrikam/Sea%20%26%20Shore/{name}")
        };
        let names = |body: &Value| -> Vec<String> {
            let rows = body["branches"].as_array().unwrap().iter();
            rows.map(|row| row["name"].as_str().unwrap().to_owned())
                .collect()
        };
        let first = owner.get(&of("the%20boat")).await;
        assert_eq!(names(&first.expect(200)).len(), 100);
        let second = owner.get(&first.link("next").unwrap()).await;
        assert_eq!(
            (names(&second.expect(200)).len(), second.link("next")),
            (21, None)
        );
        let trunk = owner
            .get(&format!("{}&search=TRUNK", of("the%20boat")))
            .await
            .expect(200);
        let trunk = &trunk["branches"][0];
        assert_eq!(
            (&trunk["name"], &trunk["is_default"], &trunk["is_protected"]),
            (&json!("trunk"), &json!(true), &json!(null))
        );
        // No ref is found by what stands before its name.
        let none = owner
            .get(&format!("{}&search=refs", of("the%20boat")))
            .await
            .expect(200);
        assert!(names(&none).is_empty());
        let void = owner.get(&of("void")).await.expect(200);
        assert!(names(&void).is_empty());
        owner.get(&of("nowhere")).await.problem(404, "not_found");
        for odd in [
            "fabrikam/the%20boat",
            "other/p/r",
            "fabrikam/../x",
            "a/b/c/d",
            "x",
        ] {
            let path = format!("/git-connections/{id}/branches?repo={odd}");
            let answer = owner.get(&path).await;
            assert!((400..500).contains(&answer.status), "{odd}: {answer}");
        }
    });
}

#[test]
fn what_cannot_work_says_which_field_and_why() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = organization(&w, "fabrikam");
        let other = organization(&w, "contoso");
        let narrow = w
            .forge
            .mint(TokenSpec::azure("fabrikam").scopes(["vso.project"]));
        let mut no_organization = Caller::body("azure_devops", &token);
        let answer = owner
            .post("/git-connections", no_organization.clone())
            .await;
        let problem = answer.problem(422, "required");
        assert_eq!(problem["errors"][0]["field"], "azure_organization");
        let said = problem["errors"][0]["message"].as_str().unwrap();
        assert!(said.contains("2026-12-01"), "{said}");
        no_organization["azure_organization"] = json!("https://dev.azure.com/fabrikam");
        let answer = owner.post("/git-connections", no_organization).await;
        answer.problem(422, "malformed");

        let mut server = body("fabrikam", &token);
        server["base_url"] = json!("https://tfs.fabrikam.example/tfs");
        let mut as_base = body("fabrikam", &token);
        as_base["base_url"] = json!(format!("{}/fabrikam", w.served.azure.url));
        let mut elsewhere = Caller::body("github", &w.github_account("octo", 1));
        elsewhere["azure_organization"] = json!("fabrikam");
        for (wanted, code, field) in [
            (
                body("fabrikam", "ghp_0000000000000000000000000000000000000"),
                "wrong_provider_token",
                "api_token",
            ),
            (
                body("fabrikam", "eyJ0eXAi.eyJhdWQi.c2ln"),
                "unsupported_token",
                "api_token",
            ),
            (
                body("fabrikam", &"a".repeat(52)),
                "invalid_token",
                "api_token",
            ),
            (body("fabrikam", &other), "invalid_token", "api_token"),
            (
                body("nobody-there", &token),
                "organization_not_found",
                "azure_organization",
            ),
            (server, "unsupported_instance", "base_url"),
            (as_base, "unsupported_instance", "base_url"),
            (elsewhere, "unsupported_combination", "azure_organization"),
        ] {
            let answer = owner.post("/git-connections", wanted).await;
            let problem = answer.problem(422, code);
            assert_eq!(problem["errors"][0]["field"], field, "{answer}");
        }
        assert_eq!(owner.get("/git-connections").await.expect(200)["total"], 0);

        let made = owner
            .post("/git-connections", body("fabrikam", &narrow))
            .await
            .expect(201);
        assert_eq!(made["missing_scopes"], json!(["vso.code"]));
        assert_eq!(made["health"]["code"], "scope_missing");
    });
}

#[test]
fn a_dead_token_is_seen_by_the_sign_in_page_and_healed() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = organization(&w, "fabrikam");
        let id = connect(&owner, "fabrikam", &token).await;
        let path = format!("/git-connections/{id}");
        w.forge.revoke(&token);
        w.forge
            .edit(|state| state.settings.azure.sign_in = SignIn::Redirect);
        let job = owner.sync(&id).await;
        assert_eq!(
            (&job["status"], &job["error"]["code"]),
            (&json!("failed"), &json!("connection_unhealthy"))
        );
        let dead = owner.connection(&id).await;
        assert_eq!(
            (&dead["status"], &dead["health"]["code"]),
            (&json!("revoked"), &json!("reauth_required"))
        );
        let page = format!("{}/fabrikam/_usersSettings/tokens", w.served.azure.url);
        assert_eq!(dead["health"]["action_url"], page);
        assert_eq!(dead["repository_count"], 6);

        w.forge
            .edit(|state| state.settings.azure.sign_in = SignIn::Page);
        let wrong = json!({ "api_token": organization(&w, "contoso") });
        owner
            .patch(&path, wrong)
            .await
            .problem(422, "invalid_token");
        let fresh = w.forge.mint(TokenSpec::azure("fabrikam"));
        let healed = owner
            .patch(&path, json!({ "api_token": fresh }))
            .await
            .expect(200);
        assert_eq!(
            (&healed["status"], &healed["health"]["code"]),
            (&json!("active"), &json!("ok"))
        );
        until("the sync that follows", || async {
            let runs = owner.get(&format!("{path}/syncs")).await.expect(200);
            (runs["syncs"][0]["status"] == "succeeded").then_some(())
        })
        .await;
    });
}

#[test]
fn a_sync_follows_renames_and_removes_only_what_a_whole_walk_has_not_seen() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = organization(&w, "fabrikam");
        let id = connect(&owner, "fabrikam", &token).await;
        w.forge.edit(|state| {
            let find = |state: &mut mooring_forge::State, name: &str| {
                let mut all = state.repositories();
                all.find(|one| one.name == name).map(|one| one.id).unwrap()
            };
            let (boat, void) = (find(state, "the boat"), find(state, "void"));
            state.rename(boat, "the ship");
            state.delete(void);
        });
        let rows = Match::face(Face::Azure).path("/fabrikam/*/_apis/git/repositories");
        let fault = w
            .forge
            .fault(Fault::on(rows, Action::Answer(Canned::html(502))).after(1));
        let answer = owner
            .post(&format!("/git-connections/{id}/sync"), json!({}))
            .await;
        let job = answer.header("location").unwrap().to_owned();
        until("a failed request", || async {
            (w.forge.hits(fault) > 0).then_some(())
        })
        .await;
        assert_eq!(owner.connection(&id).await["repository_count"], 6);
        w.forge.remove_fault(fault);
        until("the end of the sync", || async {
            w.clock.advance(chrono::TimeDelta::seconds(30));
            let job = owner.get(&job).await.expect(200);
            (job["status"] == "succeeded").then_some(())
        })
        .await;
        let job = owner.get(&job).await.expect(200);
        assert_eq!(
            (
                &job["result"]["complete"],
                &job["result"]["removed"],
                &job["result"]["updated"]
            ),
            (&json!(true), &json!(1), &json!(1)),
            "{job}"
        );
        assert_eq!(owner.connection(&id).await["repository_count"], 5);
    });
}
