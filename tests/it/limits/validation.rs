//! Every connection that works is looked at by the clock.

use chrono::TimeDelta;
use mooring_forge::{Face, Match};

use super::moved_until;
use crate::world::{run_test, until};

#[test]
fn connections_are_validated_in_their_interval_and_dead_ones_are_parked() {
    run_test(|w| async move {
        let owner = w.owner();
        let mut ids = Vec::new();
        let mut tokens = Vec::new();
        for number in 0..4 {
            let token = w.github_account(&format!("octo-{number}"), 1);
            ids.push(owner.connect_and_sync("github", &token).await);
            tokens.push(token);
        }
        w.idle().await;
        let asked = || {
            let user = Match::face(Face::GitHub).path("/user");
            tokens
                .iter()
                .map(|token| {
                    let token = w.forge.token_id(token).unwrap();
                    w.forge.count(&user.clone().token(token))
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(asked(), [1, 1, 1, 1]);
        w.clock.advance(TimeDelta::hours(6));
        moved_until(&w, TimeDelta::seconds(20), || async {
            asked() == [2, 2, 2, 2]
        })
        .await;
        w.forge.revoke(&tokens[0]);
        w.clock.advance(TimeDelta::hours(6));
        moved_until(&w, TimeDelta::seconds(20), || async {
            asked()[1..] == [3, 3, 3]
        })
        .await;
        until("the verdict", || async {
            let found = owner.connection(&ids[0]).await;
            (found["status"] == "revoked").then_some(())
        })
        .await;
        let failed = super::failures(&w).len();
        assert_eq!(failed, 1);
        let found = owner.connection(&ids[0]).await;
        assert_eq!(found["health"]["code"], "reauth_required");
        w.clock.advance(TimeDelta::hours(12));
        w.idle().await;
        assert_eq!(super::failures(&w).len(), failed, "it was asked again");
    });
}
