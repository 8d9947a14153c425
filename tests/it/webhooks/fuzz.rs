//! Damaged deliveries over HTTP, from the vendors' own examples where they are at hand: whatever is in
//! them, no answer is a fault of ours, what proves nothing is refused, and whatever was taken comes to an
//! end. (`mooring bench webhooks --fuzz 100000` sends fifty times as many, and looks at the memory.)

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use http::Method;
use mooring_forge::{
    Damage, Dice, Face, Proof, Sample, Scheme, damaged, examples, forged, samples,
};
use serde_json::json;

use super::{Hook, Letters};
use crate::world::{Answer, World, dice, run_test, until};

const DELIVERIES: usize = 2_000;
const AT_ONCE: usize = 4;

/// One damaged delivery, and whether it may be refused for its proof.
async fn send(
    w: &World,
    dice: &mut Dice,
    hook: &Hook,
    sample: &Sample,
    id: &str,
) -> (Proof, Answer) {
    let all: Vec<Damage> = (0..dice.roll(4))
        .map(|_| Damage::of(dice.any(), dice.any(), dice.any()))
        .collect();
    let mut letter = Letters(w).letter(id, &sample.event, &json!({}));
    letter.body = damaged(&sample.body, &all);
    let (headers, proof) = forged(&letter, hook.scheme, &hook.secret, |below| dice.roll(below));
    let mut call = hook.api.call(Method::POST, &hook.path);
    for (name, value) in headers {
        call = call.header_bytes(&name, &value);
    }
    let answer = call.raw_of_no_kind(letter.body).send().await;
    let fits = match proof {
        Proof::Good => matches!(answer.status, 202 | 400),
        Proof::None => answer.status == 401,
        Proof::Perhaps => matches!(answer.status, 202 | 400 | 401),
    };
    assert!(fits, "{proof:?}, {all:?} of {}: {answer}", sample.name);
    (proof, answer)
}

/// A hook of each provider, of a connection that was synced.
async fn hooks(w: &World) -> BTreeMap<Face, Hook> {
    let owner = w.owner();
    let mut hooks: BTreeMap<Face, Hook> = BTreeMap::new();
    for (face, provider, scheme) in [
        (Face::GitHub, "github", Scheme::GitHub),
        (Face::GitLab, "gitlab", Scheme::GitLabSigned),
        (Face::Bitbucket, "bitbucket", Scheme::Bitbucket),
        (Face::Azure, "azure_devops", Scheme::Azure),
    ] {
        let id = owner.any_connection(w, provider).await;
        owner.synced(&id).await;
        hooks.insert(face, owner.hook(&id, scheme).await);
    }
    hooks
}

/// No delivery is left, and none was given up.
async fn all_ended(w: &World) {
    let owner = w.owner();
    w.idle().await;
    until("the end of all deliveries", || async {
        let list = owner
            .get("/webhook-deliveries?status=accepted")
            .await
            .expect(200);
        (list["total"] == 0).then_some(())
    })
    .await;
    let jobs = owner
        .get("/jobs?kind=handle_delivery&status=failed")
        .await
        .expect(200);
    assert_eq!(jobs["total"], 0, "{jobs}");
}

#[test]
fn damaged_deliveries_are_answered_and_end() {
    run_test(|w| async move {
        let mut dice = dice();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/contracts/webhooks");
        let mut all = examples(&folder);
        all.extend(samples());
        let hooks = hooks(&w).await;
        let (all, hooks) = (Arc::new(all), Arc::new(hooks));
        let mut senders = tokio::task::JoinSet::new();
        for place in 0..AT_ONCE {
            let (w, all, hooks) = (Arc::clone(&w), Arc::clone(&all), Arc::clone(&hooks));
            let mut dice = Dice::of(dice.any() as u64);
            senders.spawn(async move {
                let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
                for round in (place..DELIVERIES).step_by(AT_ONCE) {
                    let sample = &all[dice.roll(all.len())];
                    let id = format!("{round}");
                    let (_, answer) = send(&w, &mut dice, &hooks[&sample.face], sample, &id).await;
                    *statuses.entry(answer.status).or_default() += 1;
                }
                statuses
            });
        }
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        while let Some(done) = senders.join_next().await {
            for (status, times) in done.unwrap() {
                *statuses.entry(status).or_default() += times;
            }
        }
        for status in [202, 400, 401] {
            let times = statuses.get(&status).copied().unwrap_or(0);
            assert!(times > DELIVERIES / 20, "it tests something: {statuses:?}");
        }
        all_ended(&w).await;
    });
}

/// JSON may write U+0000 in any text, and no text in the database may hold it.
#[test]
fn a_nul_anywhere_stops_no_delivery() {
    run_test(|w| async move {
        let hooks = hooks(&w).await;
        for (number, sample) in samples().iter().enumerate() {
            let hook = &hooks[&sample.face];
            for place in 0..24 {
                let id = format!("{number}-{place}");
                let mut letter = Letters(&w).letter(&id, &sample.event, &json!({}));
                letter.body = Damage::Value(place, Damage::NUL).done_to(&sample.body);
                let answer = hook.send(&letter).await;
                assert!(matches!(answer.status, 202 | 400), "{answer}");
            }
        }
        all_ended(&w).await;
    });
}
