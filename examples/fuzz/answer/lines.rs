//! What is read line by line: a lock that is taken is printed and read again as the same, and a seed is the one that stands there.

use meshgen::lock::Lock;
use meshgen::pki::Seed;

use super::Answer;

pub(super) fn answer_lock(bytes: &[u8]) -> Answer {
    let Ok(text) = str::from_utf8(bytes) else { return Answer::refused(1) };
    match text.parse::<Lock>() {
        Err(why) => {
            assert!(!why.is_empty(), "a refusal says nothing");
            Answer::refused(1)
        }
        Ok(lock) => {
            let printed = lock.to_string();
            let again = printed.parse::<Lock>().unwrap_or_else(|why| panic!("what was printed {why}:\n{printed}"));
            // What is printed is of the latest format.
            assert_eq!(again, Lock { is_format_1: false, ..lock }, "it is read otherwise when it was printed");
            assert_eq!(again.to_string(), printed, "it is printed otherwise when it was read");
            Answer::refused(0)
        }
    }
}

pub(super) fn answer_seed(bytes: &[u8]) -> Answer {
    let Ok(text) = str::from_utf8(bytes) else { return Answer::refused(1) };
    match Seed::parse(text) {
        Err(error) => {
            assert!(!error.to_string().is_empty(), "a refusal says nothing");
            Answer::refused(1)
        }
        Ok(seed) => {
            let line = seed.line();
            let is_blank = |line: &str| line.trim_end().is_empty() || line.starts_with('#');
            let stands = text.lines().filter(|other| !is_blank(other)).map(str::trim_end);
            assert_eq!(stands.collect::<Vec<_>>(), [line.trim_end()], "another seed than the one that stands there");
            assert_eq!(Seed::parse(&line).unwrap().fingerprint(), seed.fingerprint());
            Answer::refused(0)
        }
    }
}
