//! Our own absence and failures, and that they lead to a look.

use std::time::Duration;

use chrono::TimeDelta;
use mooring_forge::Post;
use shared::flows::webhooks::{Intake, appear};

use super::hook_lists::{ALL, Hooked, sweep};
use crate::world::{Api, Line, run_test, until, verifier};

#[test]
fn an_absence_is_found_once_by_the_first_one_back() {
    run_test(|w| async move {
        assert!(
            appear(&w.context).await.unwrap().is_none(),
            "the first one ever"
        );
        w.clock.advance(TimeDelta::seconds(45));
        assert!(appear(&w.context).await.unwrap().is_none());
        w.clock.advance(TimeDelta::minutes(5));
        let (one, other) = tokio::join!(appear(&w.context), appear(&w.context));
        let found = [one.unwrap(), other.unwrap()];
        let found: Vec<_> = found.into_iter().flatten().collect();
        assert_eq!(found.len(), 1, "{found:?}");
        let (from, until) = found[0];
        assert!(until - from >= TimeDelta::minutes(5) && until - from < TimeDelta::minutes(6));
        w.everybody_idle().await;
    });
}

#[test]
fn what_we_answered_with_a_failure_is_looked_for_and_no_more_than_once_a_minute() {
    run_test(|w| async move {
        let hooked = Hooked::at(&w, ALL[0]).await;
        let line = Line::lay(&w);
        let (lease, deadline) = (Duration::from_secs(30), Duration::from_secs(60));
        let mut context = w.another_process(&line.options, lease, deadline).await;
        context.intake = Intake::start(&context.db, &context.clock, &context.doorbell);
        let api = Api::start(&context, verifier(&w.clock), |_| {}).await;
        // The hook delivers to the process whose database goes away.
        w.forge.edit(|state| {
            let hook = state.hooks().next().cloned().unwrap();
            let url = hook.url.replace(&w.api.base, &api.base);
            state.set_hook_url(hook.id, &url);
        });
        hooked.rename(&w, "known", Post::default()).await;
        w.idle().await;
        let asked = hooked.asked(&w);
        line.cut();
        let sent = hooked.told(&w, "refused").await;
        assert!(sent.iter().all(|one| one.status == Some(503)), "{sent:?}");
        line.mend();
        until("a database that takes what is owed", || async {
            context.intake.owed.pay().await;
            (hooked.name().await == "refused").then_some(())
        })
        .await;
        w.everybody_idle().await;
        assert_eq!(hooked.webhook().await["recovered"], 1);
        assert!(hooked.asked(&w) > asked);
        // Another refusal within the minute waits for its end.
        line.cut();
        hooked.told(&w, "refused-again").await;
        line.mend();
        let asked = hooked.asked(&w);
        for _ in 0..3 {
            context.intake.owed.pay().await;
            sweep(&w).await;
        }
        assert_eq!(hooked.asked(&w), asked);
        w.clock.advance(TimeDelta::minutes(2));
        until("the look after the minute", || async {
            context.intake.owed.pay().await;
            (hooked.webhook().await["recovered"] == 2).then_some(())
        })
        .await;
    });
}
