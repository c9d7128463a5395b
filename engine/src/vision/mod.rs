//! (vision)
