//! What a process holds in memory, as Linux tells it.

/// Kibibytes that are resident, and the most that ever were; `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Resident {
    /// Now.
    pub(super) now: u64,
    /// At most so far.
    pub(super) peak: u64,
}

/// Of the process of this number.
pub(super) fn resident(id: Option<u32>) -> Option<Resident> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", id?)).ok()?;
    let figure = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some(Resident {
        now: figure("VmRSS:")?,
        peak: figure("VmHWM:")?,
    })
}

/// To mebibytes, for a figure.
pub(super) fn mebibytes(kibibytes: u64) -> f64 {
    (kibibytes as f64 / 102.4).round() / 10.0
}
