use super::{Outcome, print};

pub(super) fn run() -> Outcome {
    print(&crate::schema::text())
}
