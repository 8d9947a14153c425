use super::*;
use crate::domain::provider::{Instance, ProviderKind};
use crate::domain::secret::Secret;
use crate::providers::ErrorClass;
use std::sync::atomic::AtomicUsize;

fn key(private_key: &str, installation: i64) -> Bought {
    let url = url::Url::parse("https://api.github.com").unwrap();
    let app = App {
        instance: Instance {
            kind: ProviderKind::Github,
            web_url: url.clone(),
            api_url: url,
            certificate: None,
        },
        id: 1,
        private_key: Secret::from(private_key),
    };
    Bought::by(&app, installation, Narrowing::default())
}

fn token(clock: &Clock) -> InstallationToken {
    InstallationToken {
        token: Secret::from("ghs_1"),
        expires_at: clock.now() + TimeDelta::hours(1),
        permissions: std::collections::BTreeMap::new(),
    }
}

fn refusal() -> ProviderError {
    ProviderError {
        class: ErrorClass::Suspended,
        status: Some(403),
        detail: "suspended".to_owned(),
        retry_at: None,
        action_url: None,
    }
}

#[tokio::test]
async fn those_who_ask_at_once_share_one_minting_and_its_failure() {
    for fails in [false, true] {
        let (tokens, clock) = (MintedTokens::default(), Clock::movable());
        let count = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(tokio::sync::Notify::new());
        let askers: Vec<_> = (0..50)
            .map(|_| {
                let (tokens, clock) = (tokens.clone(), clock.clone());
                let (count, gate) = (count.clone(), gate.clone());
                tokio::spawn(async move {
                    let mint = || async {
                        count.fetch_add(1, Ordering::SeqCst);
                        gate.notified().await;
                        if fails {
                            Err(refusal())
                        } else {
                            Ok(token(&clock))
                        }
                    };
                    tokens.get(&key("k", 1), &clock, mint).await.is_err()
                })
            })
            .collect();
        while count.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        gate.notify_one();
        for asker in askers {
            assert_eq!(asker.await.unwrap(), fails);
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        // A failure is no verdict on those who come later.
        let later = tokens
            .get(&key("k", 1), &clock, || async { Ok(token(&clock)) })
            .await;
        assert!(later.is_ok());
    }
}

#[tokio::test]
async fn a_token_is_given_out_until_five_minutes_before_its_end() {
    let (tokens, clock) = (MintedTokens::default(), Clock::movable());
    let get = || async {
        tokens
            .get(&key("k", 1), &clock, || async { Ok(token(&clock)) })
            .await
            .unwrap()
    };
    let first = get().await;
    clock.advance(TimeDelta::minutes(54));
    assert!(Arc::ptr_eq(&first, &get().await));
    clock.advance(TimeDelta::minutes(2));
    let second = get().await;
    assert!(!Arc::ptr_eq(&first, &second));
    // What was refused is forgotten, and what has taken its place is not.
    tokens.forget(&key("k", 1), &first).await;
    assert!(Arc::ptr_eq(&second, &get().await));
    tokens.forget(&key("k", 1), &second).await;
    assert!(!Arc::ptr_eq(&second, &get().await));
}

#[tokio::test]
async fn another_key_is_another_token() {
    let (tokens, clock) = (MintedTokens::default(), Clock::movable());
    let get = |private_key: &'static str| {
        let (tokens, clock) = (&tokens, &clock);
        async move {
            tokens
                .get(&key(private_key, 1), clock, || async { Ok(token(clock)) })
                .await
                .unwrap()
        }
    };
    let first = get("mine").await;
    assert!(!Arc::ptr_eq(&first, &get("made up").await));
    assert!(Arc::ptr_eq(&first, &get("mine").await));
}

#[tokio::test]
async fn the_memory_is_bounded() {
    let (tokens, clock) = (MintedTokens::default(), Clock::movable());
    for installation in 0..i64::try_from(MOST).unwrap() + 10 {
        tokens.slot(&key("k", installation), clock.now());
        clock.advance(TimeDelta::milliseconds(1));
    }
    let held = tokens.lock().len();
    assert!((MOST / 2..=MOST).contains(&held), "{held}");
    let newest = key("k", i64::try_from(MOST).unwrap() + 9);
    assert!(tokens.lock().contains_key(&newest));
}
