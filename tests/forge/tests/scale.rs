//! Ten thousand repositories and thousands of requests stay cheap: figures, printed and not asserted, since the machine
//! is shared; that every repository comes exactly once is asserted.

mod support;

use std::time::Instant;

use mooring_forge::{Serve, TokenSpec};
use support::{World, link};

const REPOSITORIES: usize = 10_000;

#[tokio::test]
async fn ten_thousand_repositories_are_walked_on_both_faces() {
    let w = World::new(Serve::default()).await;
    let began = Instant::now();
    w.forge.add_repositories("ada", REPOSITORIES);
    println!("made {REPOSITORIES} repositories in {:?}", began.elapsed());
    let github = w.forge.mint(TokenSpec::classic("ada"));
    let gitlab = w.forge.mint(TokenSpec::gitlab("ada"));
    let keyset = "membership=true&pagination=keyset&order_by=id&sort=asc&per_page=100";
    for (face, start) in [
        ("github", "/user/repos?per_page=100&sort=pushed".to_owned()),
        (
            "gitlab by number",
            "/projects?membership=true&per_page=100".to_owned(),
        ),
        ("gitlab by keyset", format!("/projects?{keyset}")),
    ] {
        let began = Instant::now();
        let mut ids = Vec::new();
        let mut pages = 0;
        let mut next = Some(start);
        while let Some(url) = next {
            let answer = match face {
                "github" => w.github(&github, &url).await,
                _ => w.gitlab(&gitlab, &url).await,
            };
            assert_eq!(answer.status(), 200);
            pages += 1;
            next = link(&answer, "next");
            let rows: Vec<serde_json::Value> = answer.json().await.expect("a list");
            ids.extend(rows.iter().filter_map(|row| row["id"].as_u64()));
        }
        println!("{face}: {pages} pages in {:?}", began.elapsed());
        assert_eq!(ids.len(), REPOSITORIES);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), REPOSITORIES);
    }
    let began = Instant::now();
    for _ in 0..2_000 {
        assert_eq!(w.github(&github, "/rate_limit").await.status(), 200);
    }
    println!(
        "2,000 small requests, one after the other, in {:?}",
        began.elapsed()
    );
}
