//! Who chooses: chance, or one who tries each way in turn.

use fastrand::Rng;

pub(super) enum Choices {
    Random(Rng),
    /// What was chosen so far, and from how many; how much of it was asked for again.
    Planned(Vec<(usize, usize)>, usize),
}

impl Choices {
    pub(super) fn random(seed: usize) -> Self {
        Self::Random(Rng::with_seed(u64::try_from(seed).unwrap()))
    }

    /// What comes of each way to choose.
    pub(super) fn each<T>(make: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut made = Vec::new();
        let mut plan = Vec::new();
        loop {
            let mut choices = Self::Planned(plan, 0);
            made.push(make(&mut choices));
            let Self::Planned(chosen, _) = choices else { unreachable!("a plan stays one") };
            plan = chosen;
            // The last choice that was not the last one possible goes on, as a figure of a counter does.
            while plan.last().is_some_and(|(choice, count)| choice + 1 == *count) {
                plan.pop();
            }
            let Some((choice, _)) = plan.last_mut() else { return made };
            *choice += 1;
        }
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        match self {
            Self::Random(random) => random.usize(0..count),
            Self::Planned(plan, at) => {
                if *at == plan.len() {
                    plan.push((0, count));
                }
                *at += 1;
                plan[*at - 1].0
            }
        }
    }

    pub(super) fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(super) fn one_of<T: Clone>(&mut self, candidates: &[T]) -> T {
        candidates[self.below(candidates.len())].clone()
    }
}
