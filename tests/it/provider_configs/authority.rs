//! An instance whose certificate is from an authority of its own. The key is of this test alone.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::Url;

use super::{AUTHORITY, PATH};
use crate::world::{Caller, World, run_test};

const ANOTHER: &str = include_str!("other.pem");

/// Serves a plain address behind TLS; its URL.
async fn behind_tls(plain: &str) -> String {
    let plain: Url = plain.parse().unwrap();
    let certificate = CertificateDer::from_pem_slice(include_bytes!("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = plain.socket_addrs(|| None).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                let (Ok(mut outer), Ok(mut inner)) = (
                    acceptor.accept(stream).await,
                    TcpStream::connect(&to[..]).await,
                ) else {
                    return;
                };
                let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
            });
        }
    });
    format!(
        "https://127.0.0.1:{port}{}",
        plain.path().trim_end_matches('/')
    )
}

async fn save(caller: &Caller, provider: &str, url: &str, pem: Value) {
    let body = json!({ "provider": provider, "base_url": url, "ca_certificate": pem });
    let saved = caller.post(PATH, body).await;
    assert!(matches!(saved.status, 200 | 201), "{saved}");
}

async fn tested(caller: &Caller, provider: &str, url: &str, token: &str) -> Value {
    let mut body = Caller::body(provider, token);
    body["base_url"] = json!(url);
    let answer = caller.post("/git-connections/test", body).await;
    answer.expect(200)
}

async fn instances(w: &World) -> [(&'static str, String, String); 2] {
    [
        (
            "github",
            behind_tls(&w.served.github.web_url).await,
            w.github_account("octo", 2),
        ),
        (
            "gitlab",
            behind_tls(&w.served.gitlab.url).await,
            w.gitlab_account("tanuki", 2),
        ),
    ]
}

#[test]
fn it_is_trusted_once_somebody_has_named_it() {
    run_test(|w| async move {
        let (owner, admin) = (w.owner(), w.admin());
        let other = crate::world::new_organization(&w.context, "Other").await;
        let stranger = w.member_of(other, shared::domain::organization::Role::Owner);
        for (provider, url, token) in instances(&w).await {
            let found = tested(&owner, provider, &url, &token).await;
            assert_eq!(found["health"]["code"], "unreachable", "{found}");
            save(&owner, provider, &url, json!(ANOTHER)).await;
            let found = tested(&owner, provider, &url, &token).await;
            assert_eq!(found["health"]["code"], "unreachable", "{found}");

            save(&owner, provider, &url, json!(AUTHORITY)).await;
            let found = tested(&owner, provider, &url, &token).await;
            assert_eq!(found["valid"], true, "{found}");
            // For whoever named it, until the platform does for all.
            let found = tested(&stranger, provider, &url, &token).await;
            assert_eq!(found["valid"], false);
            save(&admin, provider, &url, json!(AUTHORITY)).await;
            let found = tested(&stranger, provider, &url, &token).await;
            assert_eq!(found["valid"], true, "{found}");

            let mut body = Caller::body(provider, &token);
            body["base_url"] = json!(url);
            let made = owner.post("/git-connections", body).await.expect(201);
            let id = made["id"].as_str().unwrap();
            owner.synced(id).await;
            let synced = owner.connection(id).await;
            assert_eq!(
                (&synced["base_url"], &synced["repository_count"]),
                (&json!(url), &json!(2))
            );
            // One's own word counts before the platform's.
            save(&owner, provider, &url, json!(ANOTHER)).await;
            let found = owner
                .post(&format!("/git-connections/{id}/validate"), json!({}))
                .await;
            assert_eq!(found.expect(200)["valid"], false);
        }
    });
}
