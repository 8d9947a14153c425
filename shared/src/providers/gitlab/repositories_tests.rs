use super::*;

fn link(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(http::header::LINK, value.parse().unwrap())])
}

#[test]
fn a_walk_goes_on_and_never_back() {
    let next = |headers: &HeaderMap, after, last, full| next_id(headers, after, last, full).ok();
    let linked = link("<http://internal/api/v4/projects?id_after=20&per_page=10>; rel=\"next\"");
    assert_eq!(next(&linked, 10, Some(20), true), Some(Some(20)));
    assert_eq!(next(&HeaderMap::new(), 10, Some(20), true), Some(Some(20)));
    assert_eq!(next(&HeaderMap::new(), 10, Some(15), false), Some(None));
    assert_eq!(next(&HeaderMap::new(), 10, None, false), Some(None));
    assert_eq!(next(&linked, 20, Some(20), true), None);
    assert_eq!(
        next(&link("<https://x/?cursor=a>; rel=next"), 10, Some(19), true),
        Some(Some(19))
    );
}

#[test]
fn who_may_push() {
    let may = |json: &str| {
        serde_json::from_str::<Permissions>(json)
            .unwrap()
            .may_push()
    };
    assert!(may(
        r#"{"project_access":{"access_level":30},"group_access":null}"#
    ));
    assert!(may(
        r#"{"project_access":{"access_level":20},"group_access":{"access_level":50}}"#
    ));
    assert!(!may(
        r#"{"project_access":{"access_level":20},"group_access":null}"#
    ));
    assert!(!may(r#"{"project_access":null,"group_access":null}"#));
}

#[test]
fn only_full_paths_are_asked() {
    assert!(checked("group/sub/project").is_ok());
    for wrong in [
        "",
        "42",
        "project",
        "group/",
        "/project",
        "group//project",
        "group/../x",
    ] {
        assert!(checked(wrong).is_err(), "{wrong}");
    }
}
