//! The documentation page and what an operator's machines ask for.

use crate::world::run_without_worker;

#[test]
fn the_page_needs_no_network() {
    run_without_worker(|w| async move {
        let page = w.api.get("/api/docs").await;
        assert_eq!(page.status, 200);
        assert!(
            page.header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
        let html = String::from_utf8(page.bytes.to_vec()).unwrap();
        assert!(html.contains("/api/openapi.json"));
        // Whatever its script says of other hosts, nothing is loaded from one.
        for tag in tags(&html) {
            for loads in ["src=", "href=", "data-url=", "@import", "url("] {
                let Some((_, value)) = tag.split_once(loads) else {
                    continue;
                };
                let value = value.trim_start_matches(['"', '\'', ' ']);
                let elsewhere = ["http:", "https:", "//"]
                    .iter()
                    .any(|start| value.starts_with(start));
                assert!(!elsewhere, "<{tag}>");
            }
        }
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            !policy.contains("http") && !policy.contains('*'),
            "{policy}"
        );
        let connect = policy.split(';').find(|part| part.contains("connect-src"));
        assert_eq!(connect.unwrap().trim(), "connect-src 'self'");
    });
}

/// The tags of a page outside its scripts and styles.
fn tags(html: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), html);
    while let Some((_, after)) = rest.split_once('<') {
        let end = after.find('>').unwrap_or(after.len());
        let tag = &after[..end];
        found.push(tag.to_owned());
        rest = &after[end..];
        for raw in ["script", "style"] {
            if tag.starts_with(raw) {
                let close = format!("</{raw}>");
                rest = rest.split_once(&close).map_or("", |(_, after)| after);
            }
        }
    }
    found
}

#[test]
fn alive_ready_and_figures() {
    run_without_worker(|w| async move {
        let alive = w.api.get("/healthz").await.expect(200);
        assert_eq!(alive["status"], "ok");
        let ready = w.api.get("/readyz").await.expect(200);
        assert_eq!(ready["status"], "ready");
        w.owner().get("/git-connections").await.expect(200);
        let figures = w.api.get("/metrics").await;
        assert_eq!(figures.status, 200);
        assert!(
            figures
                .header("content-type")
                .unwrap()
                .starts_with("text/plain; version=0.0.4")
        );
        let text = String::from_utf8(figures.bytes.to_vec()).unwrap();
        let counted = text.lines().any(|line| {
            line.contains("git-connections") && line.contains("2xx") && line.ends_with(" 1")
        });
        assert!(counted, "{text}");
        assert!(!text.contains(&w.organization.to_string()));
    });
}
