//! What an engine tells of itself: figures by kind, and no password.

use std::time::Duration;

use shared::domain::job::JobStatus;
use shared::store::{Db, PoolSizes};
use worker::Engine;

use super::support::{Act, Quick, bed, organization};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_counted_by_kind_and_outcome_and_no_password_is_shown() {
    let bed = bed().await;
    let mut options = bed.options();
    options.connect = options.connect.password("hush-hush");
    let pools = PoolSizes { app: 1, system: 1 };
    let db = Db::connect(options.connect.clone(), pools).await.unwrap();
    let mut shown = vec![format!("{options:?}"), format!("{db:?}")];
    let engine = Engine::start(options);
    shown.push(format!("{engine:?}"));
    let org = organization(1);
    for act in [Act::Done, Act::Done, Act::Fail] {
        bed.one(org, bed.job(org, &Quick(act))).await;
    }
    let again = Act::Retry {
        times: 1,
        after_ms: Some(1),
    };
    let retried = bed.one(org, bed.job(org, &Quick(again))).await;
    bed.until(org, retried, JobStatus::Succeeded).await;
    engine.idle().await.unwrap();
    let mut text = String::new();
    engine.figures().write(&mut text);
    for (line, count) in [
        ("runs_total{kind=\"quick\",outcome=\"succeeded\"}", 3),
        ("runs_total{kind=\"quick\",outcome=\"failed\"}", 1),
        ("runs_total{kind=\"quick\",outcome=\"retried\"}", 1),
        ("runs_total{kind=\"long\",outcome=\"succeeded\"}", 0),
        ("wait_seconds_count{kind=\"quick\"}", 5),
        ("duration_seconds_count{kind=\"quick\"}", 5),
    ] {
        let line = format!("mooring_job_{line} {count}");
        assert!(
            text.lines().any(|written| written == line),
            "{line} is not in\n{text}"
        );
    }
    for shown in shown {
        assert!(!shown.contains("hush"), "{shown}");
    }
    engine.shutdown(Duration::from_secs(1)).await;
}
