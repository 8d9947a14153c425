//! What became of a token's attempt to make its successor.

use super::text_enum::text_enum;

text_enum! {
    /// What became of an attempt.
    pub enum RotationOutcome {
        /// The provider was asked, or is about to be; nobody has written down its answer.
        InFlight = "in_flight",
        /// The successor is stored.
        Rotated = "rotated",
        /// A successor came, of a token that had been replaced meanwhile.
        Discarded = "discarded",
        /// The token was dead already.
        Refused = "refused",
        /// The provider lets this token make no successor.
        Unsupported = "unsupported",
        /// A definite "later".
        Later = "later",
        /// Nothing was sent.
        NotSent = "not_sent",
        /// No answer that decides: the token is asked whether it lives before anything else.
        Unknown = "unknown",
        /// The token lives: the answer that was lost was of nothing.
        NotRotated = "not_rotated",
        /// The token is dead: its successor was lost with the answer.
        Lost = "lost",
    }
}
