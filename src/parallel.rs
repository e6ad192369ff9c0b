//! Work on all processors. The result does not depend on their number.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

/// Shares for each processor, so that a fast one can take more of them.
const SHARES: usize = 8;

/// Applies a function to shares of a list, none smaller than `least` but for the last, and keeps their order.
pub(crate) fn by_share<T: Sync, R: Send>(items: &[T], least: usize, work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    // Asking for the number of processors reads several files.
    let processors =
        if items.len() <= least { 1 } else { std::thread::available_parallelism().map_or(1, std::num::NonZero::get) };
    let share = items.len().div_ceil(processors * SHARES).max(least).max(1);
    let shares: Vec<&[T]> = items.chunks(share).collect();
    if processors == 1 || shares.len() < 2 {
        return shares.into_iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(share) = shares.get(index) else { return done };
            done.push((index, work(share)));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..processors.min(shares.len())).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for other in others {
            done.extend(joined(other));
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Applies a function to each item of a list, and keeps the order.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], least: usize, answer: impl Fn(&T) -> R + Sync) -> Vec<R> {
    by_share(items, least, |items| items.iter().map(&answer).collect::<Vec<R>>()).into_iter().flatten().collect()
}

/// Runs two functions at the same time.
pub(crate) fn beside<A, B: Send>(here: impl FnOnce() -> A, there: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let there = scope.spawn(there);
        let here = here();
        (here, joined(there))
    })
}

/// The result of a thread. A panic continues here.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order() {
        let items: Vec<usize> = (0..1000).collect();
        for least in [1, 7, 1000, 2000] {
            assert_eq!(map(&items, least, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
            assert_eq!(by_share(&items, least, <[usize]>::len).into_iter().sum::<usize>(), 1000);
        }
        assert_eq!(map(&[], 1, |item: &usize| *item), Vec::<usize>::new());
    }
}
