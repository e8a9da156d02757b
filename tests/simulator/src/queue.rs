//! What is to happen, in the order of time and, at one moment, of being asked for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Milliseconds since 1970.
pub(crate) type Ms = i64;

/// Events by their time.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Reverse<Item<E>>>,
    asked: u64,
}

#[derive(Debug)]
struct Item<E> {
    at: Ms,
    order: u64,
    event: E,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new(), asked: 0 }
    }

    pub(crate) fn add(&mut self, at: Ms, event: E) {
        self.asked += 1;
        self.heap.push(Reverse(Item { at, order: self.asked, event }));
    }

    pub(crate) fn next(&mut self) -> Option<(Ms, E)> {
        self.heap.pop().map(|Reverse(item)| (item.at, item.event))
    }
}

impl<E> PartialEq for Item<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl<E> Eq for Item<E> {}

impl<E> PartialOrd for Item<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Item<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
