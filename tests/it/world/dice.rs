//! Lots that fall otherwise every time.

use mooring_forge::Dice;

/// By a seed that a failed test shows; `MOORING_TEST_SEED` gives it again.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the tests alone, which is no setting of the service"
)]
pub fn dice() -> Dice {
    let seed = match std::env::var("MOORING_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => uuid::Uuid::new_v4().as_u64_pair().0,
    };
    println!("MOORING_TEST_SEED={seed}");
    Dice::of(seed)
}
