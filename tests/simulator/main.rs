//! Stands in for kubectl, istioctl, helm and ip in tests of the emitted scripts: clusters with objects, istiods and proxies, kept in files.
//!
//! It acts by the name under which it is called. What it models, and from which source, stands in README.md.
#![allow(
    clippy::disallowed_methods,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::needless_pass_by_value,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program of tests: it reads and writes its own files, and fails loudly where they are broken"
)]

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::sync::LazyLock;

use crate::state::{Answer, Fault, State};

mod argocd;
mod arguments;
mod base64;
mod charts;
mod controllers;
mod external;
mod flux;
mod helm;
mod ip;
mod istioctl;
mod kinds;
mod kubectl;
mod kustomize;
mod managers;
mod query;
mod reconcile;
mod sail;
mod sealed;
mod state;

/// `sops decrypt FILE`.
fn sops(words: &[String]) -> Answer {
    let [verb, file] = words else { return Answer::strange("sops without a verb and a file") };
    if verb != "decrypt" {
        return Answer::strange(format!("sops {verb}"));
    }
    let Ok(text) = std::fs::read_to_string(file) else { return Answer::refused(format!("{file}: no such file")) };
    let documents = kustomize::documents(&text).unwrap_or_default();
    let decrypted = documents.into_iter().map(sealed::decrypted);
    Answer::said(decrypted.map(|secret| format!("{secret}\n")).collect::<String>())
}

fn main() -> ExitCode {
    let mut words = env::args();
    let program = words.next().unwrap_or_default();
    let program = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let words: Vec<String> = words.collect();
    if words.iter().any(|word| word == "-") {
        // Before the lock: the program at the other end of the pipe may wait for it.
        LazyLock::force(&kubectl::INPUT);
    }
    let mut state = State::open();
    let answer = match state.record(&program, &words) {
        Some(Fault::Silent) => Answer::default(),
        Some(Fault::Fails) => Answer::refused("error: the server was unable to return a response in the time allotted"),
        Some(Fault::TimesOut) => Answer::refused("error: timed out waiting for the condition"),
        None => match program.as_str() {
            "kubectl" => kubectl::run(&mut state, &words),
            "istioctl" => istioctl::run(&mut state, &words),
            "helm" => helm::run(&mut state, &words),
            "ip" => ip::run(&mut state, &words),
            "sops" => sops(&words),
            // Not a program of anybody's: a test lets time pass.
            "tick" => {
                state.load_all();
                reconcile::all(&mut state);
                Answer::default()
            }
            // Nor is this: controllers do what Git says now.
            "controllers" => {
                state.load_all();
                controllers::all(&mut state);
                Answer { is_idle: true, ..Answer::default() }
            }
            other => Answer::strange(format!("called as {other}")),
        },
    };
    state.close(&program, &words, &answer);
    print!("{}", answer.out);
    eprint!("{}", answer.err);
    ExitCode::from(answer.code)
}
