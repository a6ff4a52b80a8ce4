//! Streams of which one makes the exchange end the connection, or refuse all of a request, without saying which: it is found by
//! halving. The others are asked for first; then one group after the other, each on trial for a while.

use std::collections::VecDeque;

/// A connection that ends so soon after it was opened ended for what was asked for, microseconds.
const EARLY_US: i64 = 5_000_000;
/// A group that is asked for and after which nothing ends for so long is good, microseconds.
const TRIAL_US: i64 = 5_000_000;
/// An end without a word may be chance; so many in a row are not.
const ENDS: u8 = 2;

/// The suspects of one place of the plan.
#[derive(Default)]
pub(super) struct Suspects {
    /// Groups that wait; one of them at least has a bad stream.
    groups: VecDeque<Vec<String>>,
    trial: Option<(Vec<String>, i64)>,
    /// Whether what was asked for beside the groups was good.
    has_good: bool,
    ends: u8,
}

impl Suspects {
    /// A connection is open: what of its streams is asked for at once.
    pub fn opened(&mut self, mut streams: Vec<String>, now: i64) -> Vec<String> {
        self.put_back();
        streams.retain(|stream| !self.groups.iter().any(|group| group.contains(stream)));
        streams.extend(self.next(now));
        streams
    }

    /// When [`Suspects::is_passed`] is to be asked.
    pub fn due(&self) -> Option<i64> {
        self.trial.as_ref().map(|(_, since)| since.saturating_add(TRIAL_US))
    }

    /// Whether the group on trial is found good.
    pub fn is_passed(&mut self, now: i64) -> bool {
        if self.due().is_none_or(|due| now < due) {
            return false;
        }
        self.trial = None;
        (self.has_good, self.ends) = (true, 0);
        true
    }

    /// The next group to ask for, which is on trial from now on; empty: there is none.
    pub fn next(&mut self, now: i64) -> Vec<String> {
        let Some(group) = self.groups.pop_front() else { return Vec::new() };
        self.trial = Some((group.clone(), now));
        group
    }

    /// The connection ended, with what had been asked for. The bad stream, once it is found.
    pub fn closed(
        &mut self,
        streams: Vec<String>,
        since: i64,
        by_exchange: bool,
        now: i64,
    ) -> Option<String> {
        let asked = self.trial.as_ref().map_or(since, |(_, since)| *since);
        if !by_exchange || now.saturating_sub(asked) >= EARLY_US {
            self.ends = 0;
            self.put_back();
            return None;
        }
        self.ends += 1;
        if self.ends < ENDS {
            self.put_back();
            return None;
        }
        self.failed(streams)
    }

    /// What was asked for last failed. The bad stream, once it is found.
    pub fn failed(&mut self, streams: Vec<String>) -> Option<String> {
        self.ends = 0;
        let mut group = match self.trial.take() {
            Some((group, _)) => group,
            None => {
                self.has_good = false;
                streams
            }
        };
        match group.len() {
            0 => None,
            // While nothing works the exchange is at fault, not a stream.
            1 if !self.has_good => {
                self.groups.push_back(group);
                None
            }
            1 => {
                // Most likely it was the only one.
                let rest: Vec<String> = self.groups.drain(..).flatten().collect();
                self.groups.extend((!rest.is_empty()).then_some(rest));
                group.pop()
            }
            several => {
                let second = group.split_off(several / 2);
                self.groups.push_front(second);
                self.groups.push_front(group);
                None
            }
        }
    }

    /// Streams that are held back.
    pub fn held(&self) -> Vec<String> {
        self.groups.iter().flatten().cloned().collect()
    }

    /// A stream was refused by its name.
    pub fn forget(&mut self, name: &str) {
        for group in self.groups.iter_mut().chain(self.trial.as_mut().map(|(group, _)| group)) {
            group.retain(|stream| stream != name);
        }
        self.groups.retain(|group| !group.is_empty());
        if self.trial.as_ref().is_some_and(|(group, _)| group.is_empty()) {
            self.trial = None;
        }
    }

    fn put_back(&mut self) {
        if let Some((group, _)) = self.trial.take() {
            self.groups.push_front(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    /// Opens connections again and again, each of which ends when a bad stream is asked for. What was refused, what lives at the end,
    /// and how many connections it took.
    fn found(count: usize, bad: &[usize]) -> (Vec<String>, Vec<String>, usize) {
        let all: Vec<String> = (0..count).map(|nth| format!("s{nth}")).collect();
        let bad: Vec<String> = bad.iter().map(|nth| format!("s{nth}")).collect();
        let (mut suspects, mut refused, mut now) = (Suspects::default(), Vec::new(), 0);
        for connects in 1..200 {
            let planned: Vec<String> = all.iter().filter(|s| !refused.contains(*s)).cloned().collect();
            let since = now;
            let mut asked = suspects.opened(planned, now);
            loop {
                now += SECOND;
                if asked.iter().any(|stream| bad.contains(stream)) {
                    refused.extend(suspects.closed(asked, since, true, now));
                    break;
                }
                let Some(due) = suspects.due() else {
                    asked.sort();
                    return (refused, asked, connects);
                };
                now = due;
                assert!(suspects.is_passed(now));
                asked.extend(suspects.next(now));
            }
        }
        (refused, Vec::new(), 200)
    }

    #[test]
    fn a_bad_stream_is_found_by_halving_and_the_others_live() {
        for (count, bad, most) in
            [(2, &[1][..], 6), (2, &[0], 8), (8, &[5], 12), (100, &[63], 20), (100, &[3, 97], 36)]
        {
            let (mut refused, lives, connects) = found(count, bad);
            refused.sort();
            let expected: Vec<String> = bad.iter().map(|nth| format!("s{nth}")).collect();
            assert_eq!(refused, expected, "{count} {bad:?}");
            assert_eq!(lives.len(), count - bad.len(), "{count} {bad:?}");
            assert!(connects <= most, "{count} {bad:?}: {connects}");
        }
    }

    #[test]
    fn an_exchange_that_ends_everything_refuses_no_stream() {
        assert_eq!(found(4, &[0, 1, 2, 3]).0, Vec::<String>::new());
    }

    #[test]
    fn an_end_that_is_late_or_ours_or_comes_once_says_nothing() {
        for (by_exchange, after, times) in [(true, 11, 9), (false, 1, 9), (true, 1, 1)] {
            let mut suspects = Suspects::default();
            let all = vec!["a".to_owned(), "b".to_owned()];
            for nth in 0..times {
                let now = nth * 100 * SECOND;
                assert_eq!(suspects.opened(all.clone(), now), all);
                assert_eq!(suspects.closed(all.clone(), now, by_exchange, now + after * SECOND), None);
            }
            assert_eq!(suspects.opened(all.clone(), 0), all, "{by_exchange} {after} {times}");
        }
    }
}
