//! Tests of the table at [`super::decide`]: one per row, named after it, on a
//! small model of a card; the design's examples; and whatever may happen, by property.

mod admitting;
mod card;
mod hands;
mod holding;
mod night;
mod pausing;
mod refusing;
mod sleeping;
mod world;
