//! Renewing a token: why, and what became of it.

use super::text_enum::text_enum;

text_enum! {
    /// Why a token is renewed.
    pub enum RefreshReason {
        /// It nears its end.
        Sweep = "sweep",
        /// Somebody asked for it.
        Manual = "manual",
        /// It was needed and had ended.
        Use = "use",
        /// The provider refused the access token before its end.
        Refused = "refused",
        /// A credential was asked for that must last longer.
        Credential = "credential",
    }
}

text_enum! {
    /// What became of an attempt.
    pub enum RefreshOutcome {
        /// The provider was asked, or is about to be; nobody has written down its answer.
        InFlight = "in_flight",
        /// The new pair is stored.
        Refreshed = "refreshed",
        /// The provider gave a new pair, for a grant that had been replaced meanwhile.
        Discarded = "discarded",
        /// Refused for good.
        Refused = "refused",
        /// Refused for good, by a revocation.
        Revoked = "revoked",
        /// The provider wants the person there.
        InteractionRequired = "interaction_required",
        /// The registration is at fault; the token is not spent.
        Operator = "operator",
        /// A definite "later"; the token is not spent.
        Later = "later",
        /// Nothing was sent; the token is not spent.
        NotSent = "not_sent",
        /// No answer that decides: the token may be spent.
        Unknown = "unknown",
    }
}
