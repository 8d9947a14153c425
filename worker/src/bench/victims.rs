//! The worker processes of a storm, and what is done to them.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin};

use super::child::{ChildError, Worker};
use super::queue::BenchError;
use super::storm::Storm;

/// Between two looks at what is to be done to whom.
const TICK: Duration = Duration::from_millis(50);
/// Kills come this often.
const KILLS_EVERY: Duration = Duration::from_secs(1);
/// A worker is stopped this often.
const STOPS_EVERY: Duration = Duration::from_millis(2500);

/// The workers, and what is done to them.
pub(super) struct Victims<'a> {
    storm: &'a Storm,
    workers: Vec<Victim>,
    chance: u64,
    pub(super) kills: usize,
    pub(super) stops: usize,
}

struct Victim {
    child: Child,
    /// It ends in order when this does.
    input: ChildStdin,
    /// It is stopped until then.
    stopped: Option<Instant>,
}

impl<'a> Victims<'a> {
    pub(super) async fn start(storm: &'a Storm) -> Result<Self, ChildError> {
        let mut victims = Self {
            storm,
            workers: Vec::new(),
            chance: storm.seed,
            kills: 0,
            stops: 0,
        };
        for _ in 0..storm.processes {
            victims.hire().await?;
        }
        Ok(victims)
    }

    async fn hire(&mut self) -> Result<(), ChildError> {
        let command = (self.storm.worker)();
        let (child, input) = Worker::start_unheard(command, &self.storm.connect).await?;
        self.workers.push(Victim {
            child,
            input,
            stopped: None,
        });
        Ok(())
    }

    /// Kills and stops until the time is over.
    pub(super) async fn suffer(&mut self, began: Instant) -> Result<(), BenchError> {
        let mut ticks = tokio::time::interval(TICK);
        let (mut next_kills, mut next_stop) = (KILLS_EVERY, STOPS_EVERY / 2);
        while began.elapsed() < self.storm.time {
            ticks.tick().await;
            self.let_go_on(Instant::now())?;
            if began.elapsed() >= next_stop {
                next_stop += STOPS_EVERY;
                self.stop_one()?;
            }
            if began.elapsed() >= next_kills {
                next_kills += KILLS_EVERY;
                for _ in 0..self.storm.kills {
                    self.kill_one().await?;
                }
            }
        }
        Ok(())
    }

    async fn kill_one(&mut self) -> Result<(), BenchError> {
        if let Some(place) = self.one_that_runs() {
            let mut victim = self.workers.swap_remove(place);
            victim.child.kill().await.map_err(ChildError::Io)?;
            self.kills += 1;
            self.hire().await?;
        }
        Ok(())
    }

    /// Stops one for a third longer than its lease, unless one is stopped already.
    fn stop_one(&mut self) -> Result<(), BenchError> {
        let anybody = self.workers.iter().any(|victim| victim.stopped.is_some());
        if let (false, Some(place)) = (anybody, self.one_that_runs()) {
            let until = Instant::now() + self.storm.lease / 3 * 4;
            self.workers[place].signal(Signal::STOP)?;
            self.workers[place].stopped = Some(until);
            self.stops += 1;
        }
        Ok(())
    }

    fn let_go_on(&mut self, now: Instant) -> Result<(), BenchError> {
        for victim in &mut self.workers {
            if victim.stopped.take_if(|until| *until <= now).is_some() {
                victim.signal(Signal::CONT)?;
            }
        }
        Ok(())
    }

    /// Nothing more is done to them; who is stopped stays so until its time is over.
    pub(super) async fn calm_down(&mut self) -> Result<(), BenchError> {
        while self.workers.iter().any(|victim| victim.stopped.is_some()) {
            tokio::time::sleep(TICK).await;
            self.let_go_on(Instant::now())?;
        }
        Ok(())
    }

    /// By chance, one that is not stopped: what it still has to say shall be heard.
    fn one_that_runs(&mut self) -> Option<usize> {
        let running: Vec<usize> = (0..self.workers.len())
            .filter(|place| self.workers[*place].stopped.is_none())
            .collect();
        // SplitMix64: chance enough, and the same for the same seed.
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let chosen = usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap_or(0);
        running.get(chosen.checked_rem(running.len())?).copied()
    }

    pub(super) async fn end(self) -> Result<(), ChildError> {
        for Victim {
            mut child, input, ..
        } in self.workers
        {
            drop(input);
            child.wait().await?;
        }
        Ok(())
    }
}

impl Victim {
    fn signal(&self, signal: Signal) -> Result<(), ChildError> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        match id.and_then(Pid::from_raw) {
            Some(pid) => Ok(kill_process(pid, signal).map_err(std::io::Error::from)?),
            None => Err(ChildError::Said("nothing, and ended".to_owned())),
        }
    }
}
