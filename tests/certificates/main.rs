//! The mesh's certificates: whose seed is taken, what is issued from it, and who accepts it.
#![allow(clippy::disallowed_methods, reason = "tests read and write files, and run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod calendar;
mod custody;
mod external;
mod renewal;
mod workshop;
