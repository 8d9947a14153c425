//! What is due by the clock.

use std::time::Duration;

use shared::domain::ids::OrganizationId;
use shared::queue::NewJob;
use worker::Engine;
use worker::runtime::Schedule;

use super::support::{Act, Quick, bed, seconds};

fn schedule() -> Schedule {
    Schedule::new().line(
        "hourly",
        Duration::from_secs(3600),
        Duration::from_secs(60),
        |now| NewJob::new(&Quick(Act::Done), OrganizationId::PLATFORM, now).dedupe_key("hourly"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tick_runs_once_over_two_workers_and_missed_ones_are_caught_up_by_one() {
    let bed = bed().await;
    let start = || {
        let mut options = bed.options();
        options.schedule = schedule();
        Engine::start(options)
    };
    let ran = async |times: usize| {
        for _ in 0..500 {
            if bed.probe.all().len() >= times {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(bed.probe.all().len(), times);
    };
    let (one, two) = (start(), start());
    ran(1).await;
    bed.clock.advance(seconds(3600));
    ran(2).await;
    // The leader dies without a word; its lock dies with its connection.
    drop(one);
    bed.clock.advance(seconds(3600));
    ran(3).await;
    two.shutdown(Duration::from_secs(1)).await;
    bed.clock.advance(seconds(10 * 3600));
    let three = start();
    ran(4).await;
    three.shutdown(Duration::from_secs(1)).await;
}
