//! Branches, live, with search.

use mooring_forge::{RepositorySpec, TokenSpec};
use serde_json::{Value, json};

use crate::world::{Answer, run_test};

#[test]
fn branches_are_listed_searched_and_paged() {
    run_test(|w| async move {
        let owner = w.owner();
        for (provider, login) in [("github", "octo"), ("gitlab", "tanuki")] {
            w.forge.add_user(login);
            let names = (0..130).map(|number| format!("feature/{number:03}"));
            let spec = RepositorySpec::named("tools")
                .branches(["trunk".to_owned()].into_iter().chain(names))
                .protected("trunk");
            w.forge.add_repository(login, spec);
            w.forge.add_repository(
                login,
                RepositorySpec::named("empty").branches(Vec::<String>::new()),
            );
            let token = w.forge.mint(match provider {
                "github" => TokenSpec::classic(login),
                _ => TokenSpec::gitlab(login),
            });
            let id = owner.connect(provider, &token).await;
            let path = format!("/git-connections/{id}/branches?repo={login}/tools");
            let first = owner.get(&path).await;
            let body = first.expect(200);
            assert_eq!((&body["page"], &body["per_page"]), (&json!(1), &json!(100)));
            assert_eq!(names_of(&first).len(), 100);
            let second = owner.get(&first.link("next").unwrap()).await;
            let mut all = names_of(&first);
            all.extend(names_of(&second));
            all.sort();
            all.dedup();
            assert_eq!((all.len(), second.link("next")), (131, None), "{provider}");

            let trunk = owner.get(&format!("{path}&search=trunk")).await.expect(200);
            let trunk = &trunk["branches"][0];
            assert_eq!(
                (&trunk["name"], &trunk["is_default"], &trunk["is_protected"]),
                (&json!("trunk"), &json!(true), &json!(true))
            );
            assert_eq!(trunk["commit_sha"].as_str().unwrap().len(), 40);
            let some = owner.get(&format!("{path}&search=feature/01")).await;
            assert_eq!(names_of(&some).len(), 10, "{provider}: {some}");
            let none = owner.get(&format!("{path}&search=no-such")).await;
            assert_eq!(names_of(&none).len(), 0);

            let empty = owner
                .get(&format!(
                    "/git-connections/{id}/branches?repo={login}/empty"
                ))
                .await;
            assert_eq!(names_of(&empty).len(), 0);
            let missing = owner
                .get(&format!(
                    "/git-connections/{id}/branches?repo={login}/nowhere"
                ))
                .await;
            missing.problem(404, "not_found");
            for odd in [
                "tools",
                "../../user",
                "octo%2Ftools%2F..",
                "octo/tools?x=1%23",
                "a/b/c/d",
            ] {
                let answer = owner
                    .get(&format!("/git-connections/{id}/branches?repo={odd}"))
                    .await;
                assert!((400..500).contains(&answer.status), "{answer}");
            }
        }
    });
}

fn names_of(answer: &Answer) -> Vec<String> {
    let body = answer.expect(200);
    let rows = body["branches"].as_array().unwrap().iter();
    rows.map(|row: &Value| row["name"].as_str().unwrap().to_owned())
        .collect()
}
