//! Every test of the program and of the repository, in one binary: a change is linked once.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests run programs, read and write files, and fail where that fails"
)]

mod attacks;
mod bytes;
mod certificates;
mod check;
mod ci_examples;
mod cli;
mod common;
mod completions;
mod controllers;
mod convergence;
mod diff;
mod diff_places;
mod documents;
mod draw;
mod explain;
mod fix;
mod flows;
mod fuzz;
mod gateways;
mod generator;
mod golden;
mod holes;
mod init;
mod large;
mod lock;
mod man;
mod meshes;
mod mutations;
mod pages;
mod paths;
mod power_loss;
mod properties;
mod reports;
mod scenarios;
mod schema;
mod scripts;
mod sessions;
mod stores;
mod tidy;
mod traps;
mod vectors;
mod versions;
mod writer;
mod writer_faults;
mod writer_git;
