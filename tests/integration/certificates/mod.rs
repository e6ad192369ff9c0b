//! The mesh's certificates: whose seed is taken, what is issued from it, and who accepts it.

mod calendar;
mod custody;
mod external;
mod naming;
mod none;
mod offline;
mod profile;
mod renewal;
mod rotation;
mod secrets;
pub(crate) mod workshop;
