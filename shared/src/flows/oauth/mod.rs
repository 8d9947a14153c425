//! Consents: a browser is sent to a provider, comes back with a code, and a connection is made of
//! it or healed in place.
//!
//! Needs: the browser that comes back carries no credential of ours; a code must be exchanged for
//! whoever began, where they began, and once; somebody else's code must not end up in one's own
//! organization; a token that was granted must be stored or given back.
//!
//! Design: [`authorize`](fn@authorize) keeps a row and gives the browser a signed name of it ([`state`]). What
//! the callback believes comes from that row: the signature decides whether it is read at all.
//! [`callback`](fn@callback) uses the row up in a statement of its own, committed before the code is exchanged,
//! so that of any number of browsers that come back with one state a single one goes on, whatever
//! dies in between. The verifier (PKCE) lies sealed in the row: a code that is seen in a log of the
//! provider's, or in a browser's history, is worth nothing without it.
//!
//! Apps are installed by the same rows; what differs is in [`installation`].
//!
//! Out of our sight: who sits before the browser. Where a session of the web interface began the
//! flow, the browser must show the cookie that it got then. Where a program began it with a bearer
//! token, that program knows its user and has to look at whom the landing names.
//!
//! The races, by name: *two tabs, one state*: the row is used up once. *Two flows, one account*:
//! the account is locked before it is looked for, so the second one heals what the first one made.
//! *The registration is changed or deleted meanwhile*: the row names registration and client, and
//! the flow ends with a message. *The connection to heal is deleted meanwhile*: likewise, and the
//! grant is given back. *We die after the exchange*: the grant stands at the provider unused, and
//! the person begins again; nothing of it was stored.

mod authorize;
mod callback;
mod complete;
mod connections;
mod installation;
mod landing;
mod redirect;
mod state;
mod status;

pub use authorize::{Authorize, Begun, authorize};
pub use callback::{Back, callback};
pub use connections::{Usable, connections};
pub use landing::{Arrived, Landing, Refusal, RefusalCode};
pub use status::{Status, status};
