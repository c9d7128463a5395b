//! (sva)
