//! The one integration binary: a temp-project builder, [`world`], and one file a behaviour.

mod engine;
#[cfg(all(feature = "data", feature = "learn", feature = "judge"))]
mod guide;
mod harm;
#[cfg(all(feature = "data", feature = "learn", feature = "judge"))]
mod leaves;
mod world;
