//! The limit of a user: told once it is near, asked to be minded before it is reached, refused beyond.

use chrono::TimeDelta;

use super::{Call, errors};
use crate::answer::{Answer, set};
use crate::face::Face;
use crate::forge::{Forge, window_of};
use crate::meters::Reading;

/// What a 200 asks a user to wait who is being slowed down.
const SLOWER: u32 = 5;

pub(super) fn within(
    forge: &Forge,
    call: &Call<'_>,
    answer: impl FnOnce() -> Answer,
) -> Result<Answer, Answer> {
    let user = Some(call.token.user);
    let Some(limit) = call.state.limit(Face::Azure, user) else {
        return Ok(answer());
    };
    let window = window_of(Face::Azure);
    let now = call.state.now();
    match forge
        .inner
        .meters
        .take((Face::Azure, user), limit, window, now)
    {
        Ok(reading) if reading.used < call.state.settings.azure.delayed_from => Ok(answer()),
        Ok(reading) => {
            let mut answer = told(answer(), reading, "0.250");
            set(&mut answer, "retry-after", SLOWER);
            Ok(answer)
        }
        Err(reading) => {
            let mut refusal = told(errors::blocked(), reading, "0.000");
            let wait = (reading.reset - now).max(TimeDelta::seconds(1));
            set(&mut refusal, "retry-after", wait.num_seconds());
            Err(refusal)
        }
    }
}

fn told(mut answer: Answer, reading: Reading, delay: &str) -> Answer {
    set(&mut answer, "x-ratelimit-resource", "Concurrency");
    set(&mut answer, "x-ratelimit-delay", delay);
    set(&mut answer, "x-ratelimit-limit", reading.limit);
    set(&mut answer, "x-ratelimit-remaining", reading.remaining());
    set(&mut answer, "x-ratelimit-reset", reading.reset.timestamp());
    answer
}
