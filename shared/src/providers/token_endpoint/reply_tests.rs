use super::super::table_tests::{JSON, NOW, reply};
use super::*;

fn grant(body: &str) -> Grant {
    let reply = reply(200, &[JSON], body);
    let pair = reply.pair(reply.body()).expect(body);
    pair.grant(reply.asked_at, None)
}

#[test]
fn lifetimes_in_every_form() {
    let end = |field: &str| {
        let grant = grant(&format!("{{\"access_token\":\"t\"{field}}}"));
        grant.expires_at.map(|at| at.timestamp() - NOW)
    };
    assert_eq!(end(",\"expires_in\":7200"), Some(7190));
    assert_eq!(end(",\"expires_in\":\"7200\""), Some(7190));
    // What is over is over.
    assert_eq!(end(",\"expires_in\":-5"), Some(-10));
    for never in [
        "",
        ",\"expires_in\":null",
        ",\"expires_in\":\"soon\"",
        ",\"expires_in\":[]",
        ",\"expires_in\":9223372036854775807",
    ] {
        assert_eq!(end(never), None, "{never}");
    }
}

#[test]
fn an_empty_refresh_token_is_none() {
    for none in ["", ",\"refresh_token\":\"\"", ",\"refresh_token\":null"] {
        let grant = grant(&format!("{{\"access_token\":\"t\"{none}}}"));
        assert!(grant.refresh_token.is_none(), "{none}");
    }
}

#[test]
fn scopes_by_spaces_and_commas() {
    assert_eq!(scopes(" api  read_user ", false), ["api", "read_user"]);
    assert_eq!(scopes("repo,read:org", true), ["repo", "read:org"]);
    assert_eq!(scopes("a,b", false), ["a,b"]);
    assert!(scopes("", true).is_empty());
}
