//! Keys of an identity provider: chosen, found, withdrawn, away.

use super::*;

#[tokio::test]
async fn all_three_algorithms_verify_by_the_keys_own_type() {
    let clock = Clock::system();
    let pairs = [("r", Pair::rsa()), ("c", Pair::ec()), ("d", Pair::ed())];
    let mut keys: Vec<Value> = pairs.iter().map(|(kid, pair)| pair.jwk(kid)).collect();
    keys.push(json!({ "kty": "future", "kid": "f" }));
    keys.push(json!({ "kty": "oct", "kid": "o", "k": "c2VjcmV0" }));
    let provider = Provider::with(&keys);
    let verifier = by_keys(&clock, &provider);
    for (kid, pair) in &pairs {
        assert!(
            verifier
                .verify(&pair.token(Some(kid), &claims(&clock)))
                .await
                .is_ok(),
            "{kid}"
        );
        // Without a kid: the only key of its type.
        assert!(
            verifier
                .verify(&pair.token(None, &claims(&clock)))
                .await
                .is_ok(),
            "{kid}"
        );
        // Another key's name, or a stranger's key under a known name.
        let other = if *kid == "r" { "c" } else { "r" };
        assert!(is_invalid(
            &verifier
                .verify(&pair.token(Some(other), &claims(&clock)))
                .await
        ));
    }
    assert!(is_invalid(
        &verifier
            .verify(&Pair::ed().token(Some("d"), &claims(&clock)))
            .await
    ));
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once() {
    let clock = Clock::movable();
    let (old, new) = (Pair::ed(), Pair::ed());
    let provider = Provider::with(&[old.jwk("old")]);
    let verifier = by_keys(&clock, &provider);
    assert!(
        verifier
            .verify(&old.token(Some("old"), &claims(&clock)))
            .await
            .is_ok()
    );
    assert_eq!(provider.fetches(), 1);

    provider.set(Ok(json!({ "keys": [new.jwk("new")] })));
    let token = new.token(Some("new"), &claims(&clock));
    let together = futures_util::future::join_all((0..20).map(|_| verifier.verify(&token))).await;
    assert!(together.iter().all(Result::is_ok));
    assert_eq!(provider.fetches(), 2);
    // Rotated away.
    assert!(is_invalid(
        &verifier
            .verify(&old.token(Some("old"), &claims(&clock)))
            .await
    ));

    for _ in 0..50 {
        let stranger = Pair::ed().token(Some("made up"), &claims(&clock));
        assert!(is_invalid(&verifier.verify(&stranger).await));
    }
    assert_eq!(provider.fetches(), 2);
    clock.advance(TimeDelta::seconds(31));
    assert!(is_invalid(
        &verifier
            .verify(&new.token(Some("made up"), &claims(&clock)))
            .await
    ));
    assert_eq!(provider.fetches(), 3);
}

#[tokio::test]
async fn a_withdrawn_key_ends_by_itself() {
    let clock = Clock::movable();
    let (old, new) = (Pair::ed(), Pair::ed());
    let provider = Provider::with(&[old.jwk("old")]);
    let verifier = by_keys(&clock, &provider);
    let token = old.token(Some("old"), &claims(&clock));
    assert!(verifier.verify(&token).await.is_ok());
    provider.set(Ok(json!({ "keys": [new.jwk("new")] })));
    assert!(verifier.verify(&token).await.is_ok());
    clock.advance(TimeDelta::minutes(11));
    assert!(is_invalid(&verifier.verify(&token).await));
}

#[tokio::test]
async fn a_provider_that_is_away_signs_nobody_out() {
    let clock = Clock::movable();
    let pair = Pair::ed();
    let provider = Provider::with(&[pair.jwk("one")]);
    let verifier = by_keys(&clock, &provider);
    let mut long = claims(&clock);
    long["exp"] = json!(clock.now().timestamp() + 100_000);
    let token = pair.token(Some("one"), &long);
    assert!(verifier.verify(&token).await.is_ok());
    provider.set(Err(KeysError("no route".to_owned())));
    clock.advance(TimeDelta::minutes(11));
    for _ in 0..10 {
        assert!(verifier.verify(&token).await.is_ok());
    }
    assert_eq!(provider.fetches(), 2);
    let other = Pair::ed().token(Some("two"), &long);
    assert_eq!(
        verifier.verify(&other).await,
        Err(Unauthenticated::KeysUnavailable)
    );
    assert_eq!(provider.fetches(), 3);
}
