//! Real processes, killed while deliveries come: what was accepted is stored, and acts once.
//! (`mooring bench webhooks --storm` does the same with twenty thousand and a crashing server.)

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::outcome::Target;
use crate::processes::program::{KEYS, Program};
use crate::world::{Api, Setup, run_as, until};

const DELIVERIES: usize = 240;
const AT_ONCE: usize = 12;
const KILLS: usize = 4;

#[test]
fn whatever_is_killed_accepted_is_stored_and_acts_once() {
    let setup = Setup {
        keys: Some(KEYS.to_owned()),
        ..Setup::default()
    };
    run_as(setup, |w| async move {
        let first = Program::start(&w, &["worker"]);
        let target = Target::set(&w).await;
        let mut api = Program::start(&w, &["api"]);
        let address = Arc::new(std::sync::Mutex::new(api.api().await));
        let next = Arc::new(AtomicUsize::new(0));
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            let (next, address, target) = (next.clone(), address.clone(), target.clone());
            let w = Arc::clone(&w);
            senders.spawn(async move {
                let mut accepted = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= DELIVERIES {
                        return accepted;
                    }
                    let letter = target.push(&w, number);
                    loop {
                        let to: Api = address.lock().unwrap().clone();
                        if let Some((id, _)) = target.answered(&to, &letter).await {
                            accepted.push(id);
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            });
        }
        let mut worker = first;
        for kill in 1..=KILLS {
            until("deliveries under way", || async {
                (next.load(Ordering::Relaxed) > kill * DELIVERIES / (KILLS + 1)).then_some(())
            })
            .await;
            if kill % 2 == 0 {
                worker.kill().await;
                worker = Program::start(&w, &["worker"]);
            } else {
                api.kill().await;
                api = Program::start(&w, &["api"]);
                let anew = api.api().await;
                *address.lock().unwrap() = anew;
            }
        }
        let mut accepted: Vec<String> = Vec::new();
        while let Some(done) = senders.join_next().await {
            accepted.extend(done.unwrap());
        }
        accepted.sort();
        accepted.dedup();
        assert_eq!(accepted.len(), DELIVERIES);
        w.acted_once(accepted).await;
        worker.kill().await;
        api.kill().await;
    });
}
