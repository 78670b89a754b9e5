//! Requests of many entries: the broker is asked about the good ones, the bad ones fail alone.

use super::refusal::{Place, Refusal};
use crate::{proto::v1, types::Rejection};

/// The entries of one request, parsed.
pub(super) struct Batch<E> {
    /// What the broker is asked about, until that is taken.
    good: Vec<E>,
    good_count: usize,
    /// Why the others were refused, each with its place in the request, ascending.
    refused: Vec<(usize, Refusal)>,
}

impl<E> FromIterator<Result<E, Refusal>> for Batch<E> {
    fn from_iter<I: IntoIterator<Item = Result<E, Refusal>>>(parsed: I) -> Self {
        let parsed = parsed.into_iter();
        let (mut good, mut refused) = (Vec::with_capacity(parsed.size_hint().0), Vec::new());
        for (index, entry) in parsed.enumerate() {
            match entry {
                Ok(entry) => good.push(entry),
                Err(refusal) => refused.push((index, refusal)),
            }
        }
        Self { good_count: good.len(), good, refused }
    }
}

impl<E> Batch<E> {
    /// Takes the good entries out, to ask the broker about them.
    pub(super) fn take_good(&mut self) -> Vec<E> {
        std::mem::take(&mut self.good)
    }

    /// How many entries are good.
    pub(super) fn good_count(&self) -> usize {
        self.good_count
    }

    /// One result for each entry of the request, in its order, from the broker's outcomes for the
    /// good ones. `place` tells where in the request an entry is.
    ///
    /// # Panics
    ///
    /// If the broker gave another number of outcomes than it was asked for.
    pub(super) fn results<T, R>(
        self,
        outcomes: Vec<Result<T, Rejection>>,
        place: impl Fn(usize) -> Place,
        result: impl Fn(Result<T, v1::EntryError>) -> R,
    ) -> Vec<R> {
        assert_eq!(outcomes.len(), self.good_count, "the broker answers each entry");
        let count = self.good_count + self.refused.len();
        let (mut outcomes, mut refused) =
            (outcomes.into_iter(), self.refused.into_iter().peekable());
        let outcome = |index| match refused.next_if(|(at, _)| *at == index) {
            Some((_, refusal)) => Some(Err(refusal)),
            None => outcomes.next().map(|outcome| {
                outcome.map_err(|rejection| Refusal { place: place(index), rejection })
            }),
        };
        let told = |outcome: Result<T, Refusal>| outcome.map_err(|refusal| (&refusal).into());
        (0..count).filter_map(outcome).map(|outcome| result(told(outcome))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_entries() {
        let refused = || Refusal::within("entries[1]", Rejection::LeaseStale);
        let mut batch: Batch<u8> = [Ok(1), Err(refused()), Ok(2), Ok(3)].into_iter().collect();
        assert_eq!(batch.take_good(), [1, 2, 3]);
        let outcomes = vec![Ok("a"), Err(Rejection::MessageNotFound), Ok("c")];
        let results = batch.results(
            outcomes,
            |index| Place::Message(format!("entries[{index}]")),
            |result| result.map_err(|error| error.reason),
        );
        let errors = ["LEASE_STALE", "MESSAGE_NOT_FOUND"].map(str::to_owned);
        let [stale, gone] = errors;
        assert_eq!(results, [Ok("a"), Err(stale), Err(gone), Ok("c")]);
    }
}
