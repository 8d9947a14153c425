use super::*;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::secret::Secret;
use crate::providers::Scheme;

fn access() -> Access {
    let url = |text| Url::parse(text).unwrap();
    Access {
        instance: Instance {
            kind: ProviderKind::Bitbucket,
            web_url: url("https://bitbucket.org"),
            api_url: url("https://api.bitbucket.org/2.0"),
            certificate: None,
        },
        token: Secret::from("secret"),
        scheme: Scheme::Bearer,
        username: None,
        azure_organization: None,
        meter: std::sync::Arc::new(crate::domain::meter::Unmetered),
    }
}

#[test]
fn only_the_query_of_the_same_origin_is_kept() {
    let next = |next| next_query(&access(), next).map_err(|error| error.class);
    let page = "https://api.bitbucket.org/2.0/repositories/%7Bu%7D?role=member&page=x%3D2";
    assert_eq!(next(Some(page)), Ok(Some("role=member&page=x%3D2".into())));
    assert_eq!(
        next(Some("/2.0/repositories/x?page=2")),
        Ok(Some("page=2".into()))
    );
    assert_eq!(next(None), Ok(None));
    assert_eq!(next(Some("")), Ok(None));
    for foreign in [
        "https://evil.example/2.0/repositories/x?page=2",
        "http://api.bitbucket.org/2.0/repositories/x?page=2",
        "https://api.bitbucket.org:8443/2.0/repositories/x?page=2",
        "//evil.example/?page=2",
    ] {
        assert_eq!(next(Some(foreign)), Err(ErrorClass::Blocked), "{foreign}");
    }
    let nameless = "https://api.bitbucket.org/2.0/repositories/x";
    assert_eq!(next(Some(nameless)), Err(ErrorClass::Unexpected));
    let long = format!("{nameless}?page={}", "x".repeat(5_000));
    assert_eq!(next(Some(&long)), Err(ErrorClass::Unexpected));
}

#[test]
fn an_item_that_breaks_is_reported_alone() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Named {
        name: String,
    }
    let body = r#"{"values":[{"name":"a"},{"uuid":"{u}","name":5},7],"size":3}"#;
    let answer = Response::new(Bytes::from_static(body.as_bytes()));
    let page: Paged<Named> = read(&access(), &answer).unwrap();
    let name = "a".to_owned();
    assert_eq!(page.items[0], Ok(Named { name }));
    let broken = |at: usize| page.items[at].as_ref().unwrap_err();
    assert_eq!(broken(1).id.as_deref(), Some("{u}"));
    assert!(broken(1).detail.starts_with("id {u}: "));
    assert!(broken(2).detail.starts_with("item 2: "));
    assert_eq!(page.size, Some(3));
    for (body, class) in [
        ("<html>", ErrorClass::Unavailable),
        ("{\"values\":[", ErrorClass::Unavailable),
        ("[]", ErrorClass::Unexpected),
        ("{\"message\":\"x\"}", ErrorClass::Unexpected),
    ] {
        let answer = Response::new(Bytes::from_static(body.as_bytes()));
        let error = read::<Named>(&access(), &answer).err().unwrap();
        assert_eq!(error.class, class, "{body}");
    }
}
