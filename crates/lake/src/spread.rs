//! Work on many objects at the same time, on all processors.

use tokio::task::JoinSet;

/// Tasks for some items, a bounded number of them at the same time. They end with the value that holds them.
pub struct Spread<I, W, R> {
    items: I,
    work: W,
    at_once: usize,
    tasks: JoinSet<R>,
}

impl<I, W, F, R> Spread<I, W, R>
where
    I: Iterator,
    W: FnMut(I::Item) -> F,
    F: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    /// Does `work` for each item.
    pub fn new(items: impl IntoIterator<IntoIter = I>, at_once: usize, work: W) -> Spread<I, W, R> {
        Spread { items: items.into_iter(), work, at_once, tasks: JoinSet::new() }
    }

    /// The next result, in no order; `None`: all are done.
    pub async fn next(&mut self) -> Option<R> {
        while self.tasks.len() < self.at_once
            && let Some(item) = self.items.next()
        {
            self.tasks.spawn((self.work)(item));
        }
        let done = self.tasks.join_next().await?;
        // A panic is a bug, and must not look like an object that is not there.
        Some(done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())))
    }
}
