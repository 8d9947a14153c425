//! Everything that was synced, narrowed and paged.

use mooring_forge::{RepositorySpec, TokenSpec};
use serde_json::{Value, json};

use super::{all, rows};
use crate::world::run_test;

#[test]
fn filters_narrow_the_list_and_its_total() {
    run_test(|w| async move {
        let owner = w.owner();
        w.forge.add_user("octo");
        for (name, language) in [("api", "Rust"), ("web", "TypeScript"), ("tool", "Rust")] {
            w.forge
                .add_repository("octo", RepositorySpec::named(name).language(language));
        }
        w.forge.add_repository(
            "octo",
            RepositorySpec::named("old").language("Perl").archived(),
        );
        let github = owner
            .connect_and_sync("github", &w.forge.mint(TokenSpec::classic("octo")))
            .await;
        owner
            .connect_and_sync("gitlab", &w.gitlab_account("tanuki", 3))
            .await;
        for (query, names) in [
            (
                "",
                "octo/api octo/old octo/tool octo/web tanuki/repo-00001 tanuki/repo-00002 tanuki/repo-00003",
            ),
            ("provider=github", "octo/api octo/old octo/tool octo/web"),
            (
                "provider=gitlab",
                "tanuki/repo-00001 tanuki/repo-00002 tanuki/repo-00003",
            ),
            ("language=rust", "octo/api octo/tool"),
            ("archived=true", "octo/old"),
            (
                "archived=false&provider=github",
                "octo/api octo/tool octo/web",
            ),
            ("search=TO", "octo/api octo/old octo/tool octo/web"),
            ("search=tool", "octo/tool"),
            ("removed=true", ""),
            (&format!("connection_id={github}&language=Perl"), "octo/old"),
            ("connection_id=01234567-89ab-7def-8123-456789abcdef", ""),
        ] {
            let answer = owner.get(&format!("/repositories?{query}")).await;
            let found: Vec<String> = rows(&answer).iter().map(name).collect();
            assert_eq!(found.join(" "), names, "{query}");
            let count = names.split(' ').filter(|name| !name.is_empty()).count();
            assert_eq!(answer.json()["total"], count, "{query}");
        }
    });
}

#[test]
fn pages_go_by_after_and_stay_right_while_rows_come_and_go() {
    run_test(|w| async move {
        let owner = w.owner();
        let token = w.github_account("octo", 45);
        let id = owner.connect_and_sync("github", &token).await;
        let order: Vec<String> = all(&owner).await.iter().map(name).collect();
        let mut page = owner.get("/repositories?per_page=20&search=repo").await;
        let mut seen: Vec<String> = rows(&page).iter().map(name).collect();
        let next = page.link("next").unwrap();
        assert!(
            next.contains("search=repo") && next.contains("after="),
            "{next}"
        );

        // A row before the place goes, one is added before it: the next page starts where it did.
        let gone = w
            .forge
            .read(|state| state.repositories().next().unwrap().id);
        w.forge.edit(|state| {
            state.delete(gone);
            state.add_repository("octo", RepositorySpec::named("repo-00000"));
        });
        owner.sync(&id).await;
        page = owner.get(&next).await;
        assert_eq!(page.json()["page"], 2);
        seen.extend(rows(&page).iter().map(name));
        let back: Vec<String> = rows(&owner.get(&page.link("prev").unwrap()).await)
            .iter()
            .map(name)
            .collect();
        assert_eq!(
            back.last(),
            seen.get(19),
            "back from the second page ends where the first did"
        );
        while let Some(next) = page.link("next") {
            page = owner.get(&next).await;
            seen.extend(rows(&page).iter().map(name));
        }
        assert_eq!(seen, order);
        assert_eq!(page.json()["total"], json!(45));
    });
}

fn name(row: &Value) -> String {
    row["full_name"].as_str().unwrap().to_owned()
}
