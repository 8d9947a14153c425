//! The service as a process runs it: a database, the parts over it, and what listens and works.
//!
//! The order of the end is the reverse of the beginning: first nobody new is let in, then what runs
//! ends or is handed back, then the connections close, and the database ends last.

pub mod checks;
pub mod database;
pub mod figures;
mod files;
pub mod http;
pub mod listen;
pub mod parts;
pub mod running;
pub mod workers;
