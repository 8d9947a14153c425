//! Numbers that look random and can be had again.

/// What lots are drawn by (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same numbers for the same seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to one below this; 0 where that is nothing.
    pub fn roll(&mut self, below: usize) -> usize {
        let drawn = self.draw() % u64::try_from(below.max(1)).unwrap_or(u64::MAX);
        usize::try_from(drawn).unwrap_or(0)
    }

    /// Any number.
    pub fn any(&mut self) -> usize {
        self.roll(usize::MAX)
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
